"""The forms in which an artifact is written: one module for each, all behind `form.Form`."""
