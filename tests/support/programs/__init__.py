"""Programs that tests and benchmarks run in processes of their own: `python -m tests.support.programs.NAME`."""
