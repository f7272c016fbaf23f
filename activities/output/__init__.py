"""The formats in which an artifact is written: one module for each, all behind `output_format.OutputFormat`."""
