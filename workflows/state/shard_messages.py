"""What a run and its shards say to each other: counts and orders, never text."""

from pydantic import BaseModel

from quire.contracts import Job
from quire.outcome import Usage
from quire.packed_lists import Batches, Reasons, Sizes
from quire.progress import Group, Waits
from workflows.state.state import State


class Orders(BaseModel):
    """All that a shard is to go by from now on."""

    share: int
    """Its calls in flight."""
    width: int
    """Those of the whole run."""
    paused: bool = False
    resumed: int = 0
    """How often somebody has said that things are mended."""
    stopped: str | None = None
    retries: int = 0
    """How often failed slots were opened again by hand."""
    tokens: int | None = None
    """What it may spend; None is no cap."""
    usd: float | None = None


class ShardInput(BaseModel):
    """One shard: what it is to make, and how it goes about it."""

    job: Job
    number: int
    state: State
    orders: Orders
    groups: list[int] = []
    """Which of the run's groups those of its state are, by position."""
    batches: int
    marks: int
    """Reports that it sends while it goes on."""
    marked: int = 0


class Report(BaseModel):
    """How far a shard is."""

    number: int
    items: int
    failed: int
    completed: int
    given_up: int
    """Batches that failed."""
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
    wanted: int
    """Tokens that what is left may take."""
    stopped: str | None
    fatal: str | None


class Ended(Report):
    """What a shard came to."""

    failed_slots: Reasons
    batches_failed: Sizes
    left: Batches
    """Batches that were not sent, or sent and not answered."""
    files: dict[int, list[str]]
    """In lanes: the batches that filled slots, by planned batch."""
    partly: dict[int, int]
    recounted: list[int]
    warnings: list[str]
    tokens_per_item: int
    seconds_a_call: float
    calls_timed: int
    retries: int = 0
    """How often it had opened failed slots again by hand."""
