"""Words and tables for terminals and logs."""
