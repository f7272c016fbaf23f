"""A worker process: hosting, build id, memory, the offline simulator beside it, how it ends."""
