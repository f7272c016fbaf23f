"""What a run knows of its shards: which are running, their share of the budget, state split and merged."""
