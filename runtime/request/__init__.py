"""Requests before they run: read, checked, drafted, described as a JSON Schema."""
