"""The Temporal server: connection, the embedded server, runs on it, their priority and diagnosis."""
