"""How far a run is, and how it ended: the same names while it lasts and after."""

from typing import Literal

from pydantic import BaseModel

from quire.outcome import Usage

Verdict = Literal["complete", "partial", "failed", "cancelled"]
SHOWN_FAILURES = 100
"""Failed slots carried in a result; the report in the store has all."""


class BatchCounts(BaseModel):
    """Batches planned at first, and calls' worth of batches done and given up since."""

    planned: int = 0
    completed: int = 0
    failed: int = 0


class FailedSlot(BaseModel):
    """A slot that gave up."""

    slot: str
    reason: str


class Progress(BaseModel):
    """What the query `progress` answers."""

    workflow_id: str
    recipe: str
    stage: Literal["planning", "generating", "paused", "assembling", "done"] = "planning"
    noun: str = "items"
    target: int = 0
    items: int = 0
    failed: int = 0
    batches: BatchCounts = BatchCounts()
    in_flight: int = 0
    rounds: int = 0
    usage: Usage = Usage()
    simulated: bool = False
    line: str = ""


class Result(BaseModel):
    """How a run ended; from `--json`, the Temporal CLI and Python alike."""

    workflow_id: str
    recipe: str
    verdict: Verdict
    target: int
    items: int
    artifact: str | None
    noun: str = "items"
    batches: BatchCounts
    rounds: int
    usage: Usage
    duplicates_rejected: int = 0
    fallbacks: int = 0
    warnings: list[str] = []
    failed_slots: list[FailedSlot] = []
    failed_total: int = 0
    simulated: bool = False
    seconds: float = 0.0


def line(progress: Progress) -> str:
    """The sentence a person reads."""
    counts = progress.batches
    if progress.stage == "planning":
        return "Planning"
    if progress.stage == "assembling":
        return f"Assembling {progress.items}/{progress.target} {progress.noun}"
    state = " (paused)" if progress.stage == "paused" else ""
    return (
        f"Generated {progress.items}/{progress.target} {progress.noun} "
        f"(Batch {counts.completed + counts.failed}/{max(counts.planned, counts.completed + counts.failed)}){state}"
    )


def verdict(*, target: int, filled: int, cancelled: bool) -> Verdict:
    """How a run with these counts ends."""
    if filled >= target:
        return "complete"
    if cancelled:
        return "cancelled"
    return "partial" if filled else "failed"
