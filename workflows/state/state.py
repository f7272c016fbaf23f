"""All that a run knows of itself, and carries when it continues as new."""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import TYPE_CHECKING

from pydantic import BaseModel

from quire.budget import Spending
from quire.contracts import Extended, Planned, TakenOver, Twin
from quire.outcome import OpenSlot, Outcome, Usage
from quire.packed_lists import Reasons
from quire.progress import BatchCounts, Group, Waits
from quire.schedule import Schedule
from quire.slots import Batch

if TYPE_CHECKING:
    pass

MOST_COUNTED = 2000
"""Batches whose tokens are counted one by one: the state travels when a run continues as new, and a payload has its
limit. Of larger runs the ledger tells it."""


class Trouble(BaseModel):
    """Something that a person must mend before calls can go on."""

    kind: str
    said: str


class State(BaseModel):
    """Counts, open batches and failures. Filled slots are a count: the store knows which."""

    plan: Planned | None = None
    take_over: bool = False
    """An ended run of this id is gone on with."""
    more: int = 0
    """Slots to be added to it."""
    started: float = 0.0
    schedule: Schedule = Schedule()
    prepared: bool = False
    target: int = 0
    items: int = 0
    failed: Reasons = []
    batches: BatchCounts = BatchCounts()
    batches_failed: list[int] = []
    partly: dict[int, int] = {}
    """Slots filled by planned batches that are not done, by number."""
    recounted: list[int] = []
    """Planned batches that were sent again as a whole, and are to be counted when they are done."""
    batch_usage: dict[int, Usage] = {}
    """What the calls for each planned batch took, by number."""
    groups: list[Group] = []
    spans: list[int] = []
    """In a shard, which holds parts of groups: the last slot of each of its groups, counted over the whole run."""
    rounds: int = 1
    checks: int = 0
    """Rounds of the duplicate check that are behind us."""
    first_check: int = 0
    """How many of those an earlier run of this id made."""
    shards: int = 0
    """Shards that were started."""
    roots: dict[int, int] = {}
    """In a shard, which does not know the sizes of the plan: the planned batch of each slot that gave up."""
    retries: int = 0
    """How often failed slots were opened again by hand."""
    rejections: list[int] = []
    """Twins of each round of this run."""
    duplicates_rejected: int = 0
    fallbacks: int = 0
    reused: int = 0
    """Answers that an earlier run paid for."""
    usage: Usage = Usage()
    models: dict[str, Usage] = {}
    spending: Spending = Spending()
    seconds_a_call: float = 0.0
    """How long a call usually takes: the mean of those that are back."""
    calls_timed: int = 0
    singly: int = 0
    """Batches that are to go one by one, because calls that went together gave no answer."""
    tokens_per_item: int = 500
    warnings: list[str] = []
    shown_percent: int = -100
    shown_waits: Waits = ""
    """What the list says that the run waits for."""
    simulated: bool = False
    warm: bool = False
    """Whether a first batch is back."""
    approved: bool = False
    paused: bool = False
    trouble: Trouble | None = None
    resumed: int = 0
    """How often somebody has said that things are mended."""
    until: float | None = None
    """When a spent quota resets, in seconds since 1970."""
    stopped: str | None = None
    fatal: str | None = None

    def adopt(self, plan: Planned) -> None:
        """Take over the plan's counts."""
        self.plan = plan
        self.schedule = Schedule(sizes=plan.sizes, after=plan.after)
        self.target = sum(plan.sizes)
        self.tokens_per_item = plan.tokens_per_item
        self.warnings = list(plan.warnings)
        self.groups = [group.model_copy() for group in plan.groups]
        self.batches = BatchCounts(planned=len(plan.sizes))
        self.spending = Spending(prompt_tokens=plan.prompt_tokens, usd_per_token=plan.usd_per_token)
        if plan.taken_over is not None:
            self._go_on_from(plan.taken_over)

    def _go_on_from(self, left: TakenOver) -> None:
        numbers = [number for first, last in left.open for number in range(first, last + 1)]
        self.usage, self.models, self.rounds = left.usage, left.models, left.rounds
        self.duplicates_rejected, self.fallbacks = left.duplicates_rejected, left.fallbacks
        self.checks = self.first_check = left.checks
        self.prepared = self.warm = self.approved = True
        self.items = self.target - len(numbers)
        for group in self.groups:
            group.items = group.target
        for group in self._groups_of(numbers):
            group.items -= 1
        for group in self.groups:
            group.ended_at = self.items if group.items == group.target else None
        roots = self._roots(numbers)
        self.batches.completed = len(self.schedule.sizes) - len(roots)
        self.recounted = list(roots)
        filled = {root: self.schedule.sizes[root - 1] - len(slots) for root, slots in roots.items()}
        self.partly = {root: count for root, count in filled.items() if count}
        self.schedule.skip_all(left.files)
        self._send_again(roots, left.label)

    def extend(self, added: Extended) -> None:
        """More slots at the end."""
        self.schedule.sizes = [*self.schedule.sizes, *added.sizes]
        if self.schedule.after or any(added.after):
            self.schedule.after = [*self.schedule.after, *added.after]
        self.target += sum(added.sizes)
        self.batches.planned += len(added.sizes)
        known = {group.name: group for group in self.groups}
        self.groups = [self._grown(known.get(group.name), group) for group in added.groups]
        self.planned.sizes = self.schedule.sizes

    @staticmethod
    def _grown(known: Group | None, group: Group) -> Group:
        if known is None or known.target == group.target:
            return known or group
        return known.model_copy(update={"target": group.target, "ended_at": None})

    @property
    def planned(self) -> Planned:
        """The plan; only asked for after `adopt`."""
        assert self.plan is not None
        return self.plan

    def learn(self, batch: Batch, outcome: Outcome) -> None:
        """Add up what a batch came to; the tokens an item takes follow real usage, halfway each time."""
        self.spend(outcome, batch)
        self.reused += outcome.reused
        self.warm = True
        if outcome.seconds is not None:
            self.timed(outcome.seconds)
        self.partly[batch.root] = self.partly.get(batch.root, 0) + len(outcome.filled)
        if outcome.filled and self.schedule.lanes:
            self.schedule.files.setdefault(batch.root, []).append(outcome.batch)
        self.items += len(outcome.filled)
        for group in self._groups_of(outcome.filled):
            group.items += 1
            if group.items == group.target and group.ended_at is None:
                group.ended_at = self.items
        if outcome.tokens_per_item:
            self.tokens_per_item = (self.tokens_per_item + outcome.tokens_per_item) // 2 or 1

    def spend(self, outcome: Outcome, batch: Batch | None = None) -> None:
        """Count tokens and cost."""
        self.usage = self.usage.plus(outcome.usage)
        self.simulated = self.simulated or outcome.simulated
        if outcome.model:
            self.models[outcome.model] = self.models.get(outcome.model, Usage()).plus(outcome.usage)
        if batch is not None:
            if 0 < len(self.schedule.sizes) <= MOST_COUNTED:
                self.batch_usage[batch.root] = self.batch_usage.get(batch.root, Usage()).plus(outcome.usage)
            for group in self._groups_of(list(batch.slots[:1])):
                group.usage = group.usage.plus(outcome.usage)

    def timed(self, seconds: float) -> None:
        """A call took so long."""
        self.calls_timed += 1
        self.seconds_a_call += (seconds - self.seconds_a_call) / self.calls_timed

    def give_up(self, slots: Iterable[OpenSlot], batch: Batch | None = None) -> None:
        """These slots stay empty. What is said of each is kept for the first thousands: the state has to travel."""
        given_up = list(slots)
        if len(self.failed) > MOST_COUNTED:
            given_up = [slot.model_copy(update={"detail": ""}) for slot in given_up]
        self.failed.extend(given_up)
        if batch is not None and not self.schedule.sizes:
            self.roots.update((slot.slot, batch.root) for slot in given_up)
        for group in self._groups_of([slot.slot for slot in given_up]):
            group.failed += 1

    def finish(self, name: str) -> None:
        """A batch has no open slot left."""
        first = self.schedule.done(name)
        if first is None:
            return
        root = int(first.partition(".")[0])
        if not first.isdecimal():  # sent again by a duplicate round or by hand: it has been counted, unless it failed
            if root not in self.recounted:
                return
            self.recounted.remove(root)
        if self.partly.pop(root, 0):
            self.batches.completed += 1
        else:
            self.batches.failed += 1
            self.batches_failed.append(root)

    def reject(self, twins: list[Twin], *, reopen: bool) -> None:
        """These items are twins: their slots are open again, or given up."""
        self.checks += 1
        self.rejections.append(len(twins))
        if not twins:
            return
        self.duplicates_rejected += len(twins)
        self.items -= len(twins)
        for group in self._groups_of([twin.slot for twin in twins]):
            group.items -= 1
            group.duplicates_rejected += 1
            group.ended_at = None
        if not reopen:
            self.give_up(OpenSlot(slot=twin.slot, reason="duplicate", detail=f"of {twin.of}") for twin in twins)
            return
        self.rounds += 1
        self._send_again(self._roots([twin.slot for twin in twins]), f"d{self.checks}", avoid=self.checks)

    def retry(self, number: int | None = None) -> int:
        """Open all failed slots again, for the `number`th time; how many there are."""
        numbers = sorted(slot.slot for slot in self.failed)
        self.retries = self.retries + 1 if number is None else number
        self.rounds += 1
        return self._open_again(numbers, f"r{self.retries}")

    def retry_late(self, numbers: list[int]) -> None:
        """The same for slots of a shard that ended before it was told."""
        self._open_again(sorted(numbers), f"r{self.retries}late")

    def _open_again(self, numbers: list[int], label: str) -> int:
        for group in self._groups_of(numbers):
            group.failed -= 1
        mine = set(numbers)
        self.failed = [slot for slot in self.failed if slot.slot not in mine]
        roots = self._roots(numbers)
        again = set(roots) & set(self.batches_failed)
        self.batches_failed = [root for root in self.batches_failed if root not in again]
        self.batches.failed -= len(again)
        self.recounted += sorted(again)
        self._send_again(roots, label)
        return len(numbers)

    def _send_again(self, roots: dict[int, list[int]], label: str, *, avoid: int = 0) -> None:
        batches = [
            Batch(name=f"{root}.{label}", slots=tuple(slots), avoid=avoid) for root, slots in sorted(roots.items())
        ]
        self.schedule.reopen(batches)

    def _roots(self, slots: list[int]) -> dict[int, list[int]]:
        ends = list(accumulate(self.schedule.sizes))
        roots: dict[int, list[int]] = {}
        if not ends:
            for number in slots:
                roots.setdefault(self.roots[number], []).append(number)
            return roots
        for number in slots:
            roots.setdefault(bisect_right(ends, number - 1) + 1, []).append(number)
        return roots

    def _groups_of(self, slots: list[int]) -> list[Group]:
        """The group of each slot."""
        if not self.groups:
            return []
        ends = self.spans or list(accumulate(group.target for group in self.groups))
        return [self.groups[bisect_right(ends, number - 1)] for number in slots]
