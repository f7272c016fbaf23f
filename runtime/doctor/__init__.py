"""The checks of `doctor`: this machine, the Temporal server, the endpoint."""
