"""All that a run knows of itself, and carries when it continues as new."""

from pydantic import BaseModel

from quire.contracts import Planned
from quire.outcome import OpenSlot, Outcome, Usage
from quire.progress import BatchCounts
from quire.slots import Batch


class State(BaseModel):
    """Counts, open batches and failures. Filled slots are a count: the store knows which."""

    plan: int | None = None
    """Number of batches planned; None before the plan."""
    started: float = 0.0
    sizes: list[int] = []
    next_batch: int = 0
    next_slot: int = 1
    again: list[Batch] = []
    target: int = 0
    noun: str = "items"
    items: int = 0
    failed: list[OpenSlot] = []
    batches: BatchCounts = BatchCounts()
    rounds: int = 1
    usage: Usage = Usage()
    tokens_per_item: int = 500
    warnings: list[str] = []
    search_attributes: bool = False
    reasoning: bool = False
    shown_percent: int = -100
    simulated: bool = False
    paused: bool = False
    stopped: str | None = None
    fatal: str | None = None

    def adopt(self, plan: Planned) -> None:
        """Take over the plan's counts."""
        self.plan = len(plan.sizes)
        self.sizes = plan.sizes
        self.target = sum(plan.sizes)
        self.noun = plan.noun
        self.tokens_per_item = plan.tokens_per_item
        self.warnings = list(plan.warnings)
        self.search_attributes = plan.search_attributes
        self.reasoning = plan.reasoning
        self.batches = BatchCounts(planned=len(plan.sizes))

    def take(self) -> Batch:
        """The next batch of the plan."""
        size = self.sizes[self.next_batch]
        slots = tuple(range(self.next_slot, self.next_slot + size))
        self.next_batch += 1
        self.next_slot += size
        return Batch(name=str(self.next_batch), slots=slots)

    def untouched(self) -> list[int]:
        """Slot numbers that no batch has been sent for."""
        return list(range(self.next_slot, self.target + 1))

    def learn(self, outcome: Outcome) -> None:
        """Add up what a batch came to; the tokens an item takes follow real usage, halfway each time."""
        self.items += len(outcome.filled)
        self.usage = self.usage.plus(outcome.usage)
        self.simulated = self.simulated or outcome.simulated
        if outcome.tokens_per_item:
            self.tokens_per_item = (self.tokens_per_item + outcome.tokens_per_item) // 2 or 1
