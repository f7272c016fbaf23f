"""Orders and reports between a run and its shards: counts, never text."""

from dataclasses import dataclass

from pydantic import BaseModel

from quire.contracts import Job
from quire.outcome import Usage
from quire.packed_lists import Batches, Reasons, Sizes
from quire.progress import Group, Waits
from workflows.state.state import State


class ShardOrders(BaseModel):
    """Everything that a run tells a shard to obey from now on."""

    call_slots: int
    """Calls that the shard may have in flight."""
    concurrency: int
    """Calls that the whole run may have in flight."""
    paused: bool = False
    resume_count: int = 0
    """How often the run was resumed after a pause or a fix."""
    stop_reason: str | None = None
    retry_count: int = 0
    """How often failed slots were opened again by hand."""
    tokens: int | None = None
    """Tokens that the shard may spend; None is no cap."""
    usd: float | None = None
    """US dollars that the shard may spend; None is no cap."""


class ShardInput(BaseModel):
    """A shard's part of the run's state, and its first orders."""

    job: Job
    number: int
    state: State
    orders: ShardOrders
    group_positions: list[int] = []
    """Positions of the shard's groups among the run's groups."""
    batch_count: int
    report_steps: int
    """Reports to be sent over the shard's whole length."""
    steps_reported: int = 0


class ShardReport(BaseModel):
    """A shard's progress."""

    number: int
    items: int
    failed: int
    batches_completed: int
    batches_failed: int
    in_flight: int
    rounds: int
    usage: Usage
    models: dict[str, Usage]
    groups: list[Group]
    fallbacks: int
    reused: int
    simulated: bool
    waits: Waits
    why: str
    tokens_wanted: int
    """Tokens that the open slots may take."""
    stop_reason: str | None
    """Why the shard itself stopped; None if it was told to stop."""
    fatal_failure: str | None


class ShardResult(ShardReport):
    """Everything that the run takes over from an ended shard."""

    failed_slots: Reasons
    failed_batches: Sizes
    unsent: Batches
    """Batches that were not sent, or sent and not answered."""
    lane_files: dict[int, list[str]]
    """In lanes: the batches that filled slots, by planned batch."""
    filled_by_batch: dict[int, int]
    to_recount: list[int]
    warnings: list[str]
    tokens_per_item: int
    seconds_per_call: float
    calls_timed: int
    retry_count: int = 0
    """How often the shard had opened failed slots again by hand."""


@dataclass(frozen=True)
class ShardRow:
    """An active shard as the run's page shows it."""

    number: int
    workflow_id: str
    target: int
    report: ShardReport | None
    """The last report; None before the first."""
