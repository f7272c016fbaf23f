"""Helpers that tests and benchmarks share. They import the product, never a test module, a conftest or a benchmark."""
