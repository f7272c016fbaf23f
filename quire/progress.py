"""A run's progress and its result, with the same field names in both."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel

from quire.outcome import Usage
from quire.request import Format

Verdict = Literal["complete", "partial", "failed", "cancelled"]
SHOWN_FAILURES = 100
"""Failed slots listed in a result; the report in the store lists all."""


Waits = Literal["", "person", "budget", "approval", "repair", "quota"]
"""What a run waits for before it continues."""


class BatchCounts(BaseModel):
    """The number of planned batches, and of batches completed and failed so far."""

    planned: int = 0
    completed: int = 0
    failed: int = 0


class FailedSlot(BaseModel):
    """A slot that was not filled, with the reason."""

    slot: str
    reason: str


class Group(BaseModel):
    """Consecutive slots that belong together (a category, a phase, a cycle), with their progress."""

    name: str
    target: int
    items: int = 0
    failed: int = 0
    duplicates_rejected: int = 0
    usage: Usage = Usage()
    """Tokens and cost of the calls for the group's slots."""
    ended_at: int | None = None
    """Items of the whole run when this group's last item was generated; None until then."""

    def add(self, part: "Group") -> None:
        """Add the counts of a part of this group."""
        self.items += part.items
        self.failed += part.failed
        self.usage = self.usage.plus(part.usage)


BatchState = Literal["PENDING", "GENERATING", "COMPLETED", "FAILED"]


class BatchStatus(BaseModel):
    """The state of one planned batch."""

    batch: int
    slots: str
    status: BatchState
    usage: Usage = Usage()


class Progress(BaseModel):
    """The answer to the query `progress`."""

    workflow_id: str
    recipe: str
    stage: Literal["planning", "generating", "paused", "assembling", "done"] = "planning"
    why: str = ""
    """Why the run waits, and what a person can do about it; empty while it does not wait."""
    waits_for: Waits = ""
    """What the run waits for: a `resume`, a higher budget, an `approve`, a repair, or the time when a quota resets."""
    noun: str = "items"
    target: int = 0
    items: int = 0
    failed: int = 0
    batches: BatchCounts = BatchCounts()
    in_flight: int = 0
    concurrency: int = 0
    rounds: int = 0
    usage: Usage = Usage()
    models: dict[str, Usage] = {}
    """Usage by the name of the model that answered."""
    percent: int = 0
    group_word: str = ""
    """The word for a group: Cycle, Category, Phase; empty if there are no groups."""
    groups: list[Group] = []
    duplicates_rejected: int = 0
    duplicates_by_round: list[int] = []
    fallbacks: int = 0
    reused: int = 0
    """Number of answers that an earlier run paid for."""
    simulated: bool = False
    started: float = 0.0
    """When the run began, in seconds since 1970; 0 until it is known."""
    line: str = ""
    """The progress as one sentence for people."""


class Result(BaseModel):
    """The result of a run, as printed by `--json` and the Temporal CLI and returned to Python."""

    workflow_id: str
    recipe: str
    verdict: Verdict
    target: int
    items: int
    artifact: str | None
    """The address of the artifact in the first requested format."""
    artifacts: dict[Format, str] = {}
    """The artifact's address in each format."""
    started: str | None = None
    """When the run began: ISO 8601, UTC."""
    noun: str = "items"
    batches: BatchCounts
    rounds: int
    usage: Usage
    models: dict[str, Usage] = {}
    group_word: str = ""
    groups: list[Group] = []
    duplicates_rejected: int = 0
    duplicates_by_round: list[int] = []
    duplicates_method: str = "off"
    fallbacks: int = 0
    reused: int = 0
    warnings: list[str] = []
    failed_slots: list[FailedSlot] = []
    failed_total: int = 0
    simulated: bool = False
    mlflow: str | None = None
    """The address of the run's page in MLflow, if it was logged there."""
    seconds: float = 0.0


def to_metrics(run: Progress | Result) -> dict[str, float]:
    """Return a run's counts as numbers by name, without the cost if it is unknown."""
    usage, failed = run.usage, run.failed if isinstance(run, Progress) else run.failed_total
    metrics = {
        "items": run.items,
        "failed": failed,
        "duplicates_rejected": run.duplicates_rejected,
        "fallbacks": run.fallbacks,
        "calls": usage.calls,
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "completion_tokens": usage.completion_tokens,
        "cost_usd": usage.cost_usd,
    }
    return {name: float(value) for name, value in metrics.items() if value is not None}


def format_progress_line(progress: Progress) -> str:
    """Return the progress as one sentence for people."""
    counts = progress.batches
    if progress.stage == "planning":
        return "Planning"
    if progress.stage == "assembling":
        return f"Assembling {progress.items}/{progress.target} {progress.noun}"
    state = f" (paused: {progress.why})" if progress.why else " (paused)" if progress.stage == "paused" else ""
    if progress.group_word == CYCLE and progress.groups:
        return format_cycle_line(progress.groups, find_current_group(progress.groups), progress.items) + state
    return (
        f"Generated {progress.items}/{progress.target} {progress.noun} "
        f"(Batch {counts.completed + counts.failed}/{max(counts.planned, counts.completed + counts.failed)}){state}"
    )


CYCLE = "Cycle"
"""The word for a group whose progress is counted in samples per cycle."""


def find_current_group(groups: Sequence[Group]) -> int:
    """Return the index of the first group with items that is not complete, else of the last with items, else 0."""
    started = [index for index, group in enumerate(groups) if group.items]
    incomplete = [index for index in started if groups[index].ended_at is None]
    return (incomplete or started[-1:] or [0])[0]


def format_cycle_line(groups: Sequence[Group], index: int, total: int) -> str:
    """Return the progress line of a run in cycles: `Cycle 2/3: +1875 samples (total 3750/5000)`."""
    target = sum(group.target for group in groups)
    return f"Cycle {index + 1}/{len(groups)}: +{groups[index].items} samples (total {total}/{target})"


def decide_verdict(*, target: int, filled: int, cancelled: bool) -> Verdict:
    """Return the verdict of a run with these counts."""
    if filled >= target:
        return "complete"
    if cancelled:
        return "cancelled"
    return "partial" if filled else "failed"
