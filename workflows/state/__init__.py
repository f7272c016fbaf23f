"""What a run knows: counts that survive continue-as-new, and the messages between a run and its shards."""
