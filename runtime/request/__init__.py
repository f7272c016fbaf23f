"""A request before it is a run: read, checked, drafted, described as a JSON Schema."""
