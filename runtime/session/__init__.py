"""A run started or followed from a terminal until it ends."""
