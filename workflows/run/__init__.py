"""A run in its phases: planning, the loop over batches, duplicates, the finish."""
