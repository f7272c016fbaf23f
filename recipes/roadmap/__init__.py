"""Learning roadmaps by week."""
