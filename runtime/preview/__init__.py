"""What `check` shows before a run: plan, expected tokens and cost, what the store has already."""
