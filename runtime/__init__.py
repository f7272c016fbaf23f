"""Connecting to Temporal, the embedded server, the command line's parts, logging."""
