"""The preview of a run that `check` shows: plan, expected tokens and cost, prompts, answers already in the store."""
