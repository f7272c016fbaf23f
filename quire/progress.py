"""How far a run is, and how it ended: the same names while it lasts and after."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel

from quire.outcome import Usage
from quire.request import Format

Verdict = Literal["complete", "partial", "failed", "cancelled"]
SHOWN_FAILURES = 100
"""Failed slots carried in a result; the report in the store has all."""


Waits = Literal["", "person", "budget", "approval", "repair", "quota"]
"""What has to happen before a run goes on."""


class BatchCounts(BaseModel):
    """Batches planned at first, and calls' worth of batches done and given up since."""

    planned: int = 0
    completed: int = 0
    failed: int = 0


class FailedSlot(BaseModel):
    """A slot that gave up."""

    slot: str
    reason: str


class Group(BaseModel):
    """Consecutive slots that belong together: a category, a phase, a cycle; and how far they are."""

    name: str
    target: int
    items: int = 0
    failed: int = 0
    duplicates_rejected: int = 0
    usage: Usage = Usage()
    """What the calls for its slots took."""
    ended_at: int | None = None
    """Items of the whole run at the moment when the last of this group's was there."""

    def count(self, part: "Group") -> None:
        """Add what a part of this group came to."""
        self.items += part.items
        self.failed += part.failed
        self.usage = self.usage.plus(part.usage)


BatchState = Literal["PENDING", "GENERATING", "COMPLETED", "FAILED"]


class BatchStatus(BaseModel):
    """Where one planned batch is."""

    batch: int
    slots: str
    status: BatchState
    usage: Usage = Usage()


class Progress(BaseModel):
    """What the query `progress` answers."""

    workflow_id: str
    recipe: str
    stage: Literal["planning", "generating", "paused", "assembling", "done"] = "planning"
    why: str = ""
    """Why nothing goes on, and what a person can do about it; empty while it does."""
    waits_for: Waits = ""
    """What has to happen: a `resume`, a higher budget, an `approve`, something mended, or the time when it resets."""
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
    """What a group is called: Cycle, Category, Phase; empty where there are none."""
    groups: list[Group] = []
    duplicates_rejected: int = 0
    duplicates_by_round: list[int] = []
    fallbacks: int = 0
    reused: int = 0
    """Answers that an earlier run paid for."""
    simulated: bool = False
    started: float = 0.0
    """When the run began, in seconds since 1970; 0 where its worker is of a version that does not say."""
    line: str = ""


class Result(BaseModel):
    """How a run ended; from `--json`, the Temporal CLI and Python alike."""

    workflow_id: str
    recipe: str
    verdict: Verdict
    target: int
    items: int
    artifact: str | None
    """The address of the first form that was asked for."""
    artifacts: dict[Format, str] = {}
    """Every form's address."""
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
    """The run's page in MLflow, where it was logged there."""
    seconds: float = 0.0


def figures(shown: Progress | Result) -> dict[str, float]:
    """What is counted of a run, as numbers; a cost that is not known is left out."""
    usage, failed = shown.usage, shown.failed if isinstance(shown, Progress) else shown.failed_total
    said = {
        "items": shown.items,
        "failed": failed,
        "duplicates_rejected": shown.duplicates_rejected,
        "fallbacks": shown.fallbacks,
        "calls": usage.calls,
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "completion_tokens": usage.completion_tokens,
        "cost_usd": usage.cost_usd,
    }
    return {name: float(value) for name, value in said.items() if value is not None}


def line(progress: Progress) -> str:
    """The sentence a person reads."""
    counts = progress.batches
    if progress.stage == "planning":
        return "Planning"
    if progress.stage == "assembling":
        return f"Assembling {progress.items}/{progress.target} {progress.noun}"
    state = f" (paused: {progress.why})" if progress.why else " (paused)" if progress.stage == "paused" else ""
    if progress.group_word == CYCLE and progress.groups:
        return cycle_line(progress.groups, current(progress.groups), progress.items) + state
    return (
        f"Generated {progress.items}/{progress.target} {progress.noun} "
        f"(Batch {counts.completed + counts.failed}/{max(counts.planned, counts.completed + counts.failed)}){state}"
    )


CYCLE = "Cycle"


def current(groups: Sequence[Group]) -> int:
    """Index of the group that the run is in: the first that is begun and not ended, else the last that has items."""
    begun = [index for index, group in enumerate(groups) if group.items]
    open_ = [index for index in begun if groups[index].ended_at is None]
    return (open_ or begun[-1:] or [0])[0]


def cycle_line(groups: Sequence[Group], index: int, total: int) -> str:
    """`Cycle 2/3: +1875 samples (total 3750/5000)`."""
    target = sum(group.target for group in groups)
    return f"Cycle {index + 1}/{len(groups)}: +{groups[index].items} samples (total {total}/{target})"


def verdict(*, target: int, filled: int, cancelled: bool) -> Verdict:
    """How a run with these counts ends."""
    if filled >= target:
        return "complete"
    if cancelled:
        return "cancelled"
    return "partial" if filled else "failed"
