"""A worker: the process that hosts workflows and activities, several of them on one host, and the offline simulator."""
