"""Figures, not adjectives: each command prints ratios measured in one run."""
