"""What is kept of a run in a folder or a bucket, and the only place that knows the names of its files."""
