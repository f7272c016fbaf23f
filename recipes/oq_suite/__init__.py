"""Operational Qualification test suites from a requirements specification."""
