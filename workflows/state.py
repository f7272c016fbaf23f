"""All that a run knows of itself, and carries when it continues as new."""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

from pydantic import BaseModel

from quire.contracts import Planned, Twin
from quire.outcome import OpenSlot, Outcome, Usage
from quire.progress import BatchCounts, BatchState, BatchStatus, Group, Progress, line
from quire.schedule import Schedule
from quire.slots import Batch, ranges


class State(BaseModel):
    """Counts, open batches and failures. Filled slots are a count: the store knows which."""

    plan: Planned | None = None
    started: float = 0.0
    schedule: Schedule = Schedule()
    prepared: bool = False
    target: int = 0
    items: int = 0
    failed: list[OpenSlot] = []
    batches: BatchCounts = BatchCounts()
    batches_failed: list[int] = []
    partly: dict[int, int] = {}
    """Slots filled by planned batches that are not done, by number."""
    groups: list[Group] = []
    rounds: int = 1
    checks: int = 0
    """Rounds of the duplicate check that are behind us."""
    duplicates_rejected: int = 0
    fallbacks: int = 0
    usage: Usage = Usage()
    models: dict[str, Usage] = {}
    tokens_per_item: int = 500
    warnings: list[str] = []
    shown_percent: int = -100
    simulated: bool = False
    paused: bool = False
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

    @property
    def planned(self) -> Planned:
        """The plan; only asked for after `adopt`."""
        assert self.plan is not None
        return self.plan

    def learn(self, batch: Batch, outcome: Outcome) -> None:
        """Add up what a batch came to; the tokens an item takes follow real usage, halfway each time."""
        self.spend(outcome)
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

    def spend(self, outcome: Outcome) -> None:
        """Count tokens and cost."""
        self.usage = self.usage.plus(outcome.usage)
        self.simulated = self.simulated or outcome.simulated
        if outcome.model:
            self.models[outcome.model] = self.models.get(outcome.model, Usage()).plus(outcome.usage)

    def give_up(self, slots: Iterable[OpenSlot]) -> None:
        """These slots stay empty."""
        given_up = list(slots)
        self.failed.extend(given_up)
        for group in self._groups_of([slot.slot for slot in given_up]):
            group.failed += 1

    def finish(self, name: str) -> None:
        """A batch has no open slot left."""
        root = self.schedule.done(name)
        if root is None:
            return
        if self.partly.pop(root, 0):
            self.batches.completed += 1
        else:
            self.batches.failed += 1
            self.batches_failed.append(root)

    def reject(self, twins: list[Twin], *, reopen: bool) -> None:
        """These items are twins: their slots are open again, or given up."""
        self.checks += 1
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
        roots = self._roots([twin.slot for twin in twins])
        self.schedule.reopen(
            [
                Batch(name=f"{root}.d{self.checks}", slots=tuple(slots), avoid=self.checks)
                for root, slots in sorted(roots.items())
            ]
        )

    def _roots(self, slots: list[int]) -> dict[int, list[int]]:
        ends = list(accumulate(self.schedule.sizes))
        roots: dict[int, list[int]] = {}
        for number in slots:
            roots.setdefault(bisect_right(ends, number - 1) + 1, []).append(number)
        return roots

    def _groups_of(self, slots: list[int]) -> list[Group]:
        """The group of each slot."""
        if not self.groups:
            return []
        ends = list(accumulate(group.target for group in self.groups))
        return [self.groups[bisect_right(ends, number - 1)] for number in slots]

    def progress(self, workflow_id: str, recipe: str, stage: str, in_flight: int) -> Progress:
        """What the query answers."""
        shown = Progress(
            workflow_id=workflow_id,
            recipe=recipe,
            stage="paused" if self.paused and stage == "generating" else stage,  # pyright: ignore[reportArgumentType]
            noun=self.plan.noun if self.plan else "items",
            target=self.target,
            items=self.items,
            failed=len(self.failed),
            batches=self.batches,
            in_flight=in_flight,
            rounds=self.rounds,
            usage=self.usage,
            models=self.models,
            percent=100 * self.items // self.target if self.target else 0,
            group_word=self.plan.group_word if self.plan else "",
            groups=self.groups,
            duplicates_rejected=self.duplicates_rejected,
            fallbacks=self.fallbacks,
            simulated=self.simulated,
        )
        return shown.model_copy(update={"line": line(shown)})

    def states(self) -> list[BatchState]:
        """Where each planned batch is."""
        schedule = self.schedule
        blocked = {batch.root for group in schedule.blocked.values() for batch in group if batch.name.isdecimal()}
        going = {int(name.partition(".")[0]) for name in schedule.live} - blocked
        failed = set(self.batches_failed)
        return [
            "PENDING" if number > schedule.next_batch or number in blocked
            else "GENERATING" if number in going
            else "FAILED" if number in failed
            else "COMPLETED"
            for number in range(1, len(schedule.sizes) + 1)
        ]  # fmt: skip

    def statuses(self, first: int, count: int) -> list[BatchStatus]:
        """The same for a page of batches, with their slots."""
        ends = [0, *accumulate(self.schedule.sizes)]
        return [
            BatchStatus(batch=number, slots=ranges(range(ends[number - 1] + 1, ends[number] + 1)), status=status)
            for number, status in list(enumerate(self.states(), 1))[first - 1 : first - 1 + count]
        ]
