"""A progress as a live run reports it."""

from quire.outcome import Usage
from quire.progress import BatchCounts, Progress


def sample_progress(**changes: object) -> Progress:
    """Return the progress of a run of 100 tests, 40 of which are filled, with changes."""
    fields = {
        "workflow_id": "oq-1",
        "recipe": "oq_suite",
        "stage": "generating",
        "noun": "tests",
        "target": 100,
        "items": 40,
        "batches": BatchCounts(planned=50, completed=20, failed=1),
        "in_flight": 3,
        "concurrency": 8,
        "usage": Usage(calls=21, prompt_tokens=12_345, completion_tokens=6_789, cost_usd=0.04),
        "started": 1_000_000.0,
    }
    return Progress.model_validate(fields | changes)
