"""What a run knows of itself, and carries when it continues as new."""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

from pydantic import BaseModel

from quire.budget import Spending
from quire.contracts import DuplicateOf, EarlierRun, ExtendResult, PlanResult
from quire.outcome import OpenSlot, Outcome, Usage
from quire.packed_lists import Reasons
from quire.progress import BatchCounts, Group, Waits
from quire.schedule import Schedule
from quire.slots import Batch

MAX_COUNTED = 2000
"""Batches whose tokens are counted one by one, and failed slots whose details are kept: the state travels when a run
continues as new, and a payload has its limit. Of larger runs the ledger has them."""
MAX_WARNINGS = 50


class Blocker(BaseModel):
    """A problem that a person must fix before calls can go on."""

    kind: str
    """The failure's type."""
    message: str


class State(BaseModel):
    """Counts, open batches and failures. Filled slots are only counted: the store knows which they are."""

    plan: PlanResult | None = None
    continue_earlier_run: bool = False
    """Whether this run keeps what an ended run of this id left in the store."""
    more_slots: int = 0
    """Slots to be added to the earlier run's."""
    started: float = 0.0
    """When the run began, in seconds since 1970."""
    schedule: Schedule = Schedule()
    prepared: bool = False
    """Whether the planning model's calls are done."""
    target: int = 0
    items: int = 0
    failed: Reasons = []
    """Slots that gave up."""
    batches: BatchCounts = BatchCounts()
    failed_batches: list[int] = []
    """Planned batches that are done and filled no slot."""
    filled_by_batch: dict[int, int] = {}
    """Slots filled by each planned batch that is not done, by number."""
    to_recount: list[int] = []
    """Planned batches that were sent again as a whole, and are counted when they are done."""
    batch_usage: dict[int, Usage] = {}
    """Tokens and cost of each planned batch, by number."""
    groups: list[Group] = []
    group_ends: list[int] = []
    """In a shard, which holds parts of groups: the last slot of each of its groups, counted over the whole run."""
    rounds: int = 1
    duplicate_checks: int = 0
    """Rounds of the duplicate check that are done."""
    earlier_checks: int = 0
    """Rounds of the duplicate check that an earlier run of this id did."""
    shards_started: int = 0
    root_of_slot: dict[int, int] = {}
    """In a shard, which does not know the sizes of the plan: the planned batch of each slot that gave up."""
    retry_count: int = 0
    """How often failed slots were opened again by hand."""
    duplicates_by_round: list[int] = []
    duplicates_rejected: int = 0
    fallbacks: int = 0
    reused: int = 0
    """Answers that an earlier run paid for."""
    usage: Usage = Usage()
    models: dict[str, Usage] = {}
    spending: Spending = Spending()
    seconds_per_call: float = 0.0
    """Mean duration of the answered calls."""
    calls_timed: int = 0
    """Answered calls whose duration is known."""
    batches_with_internal_errors: list[int] = []
    """Planned batches whose calls failed in our own code since the last one was answered."""
    single_batches_left: int = 0
    """Batches to be sent one at a time, because a call that shared an activity failed."""
    tokens_per_item: int = 500
    warnings: list[str] = []
    shown_percent: int = -100
    """Percentage in the search attributes."""
    shown_waits: Waits = ""
    """What the run waits for according to the search attributes."""
    simulated: bool = False
    has_first_answer: bool = False
    approved: bool = False
    paused: bool = False
    blocker: Blocker | None = None
    resume_count: int = 0
    """How often the run was resumed after a pause or a fix."""
    quota_resets_at: float | None = None
    """When a spent quota resets, in seconds since 1970."""
    stop_reason: str | None = None
    """Why no further call is made; None as long as the run goes on."""
    fatal_failure: str | None = None
    """The type of the failure that stopped the run."""

    @property
    def planned(self) -> PlanResult:
        """The plan; only valid after `apply_plan`."""
        assert self.plan is not None
        return self.plan

    def apply_plan(self, plan: PlanResult) -> None:
        """Take the plan's counts, and those of an earlier run if this run continues it."""
        self.plan = plan
        self.schedule = Schedule(sizes=plan.sizes, after=plan.after)
        self.target = sum(plan.sizes)
        self.tokens_per_item = plan.tokens_per_item
        self.warnings = list(plan.warnings)
        self.groups = [group.model_copy() for group in plan.groups]
        self.batches = BatchCounts(planned=len(plan.sizes))
        self.spending = Spending(prompt_tokens=plan.prompt_tokens, usd_per_token=plan.usd_per_token)
        if plan.earlier_run is not None:
            self._apply_earlier_run(plan.earlier_run)

    def _apply_earlier_run(self, earlier: EarlierRun) -> None:
        open_slots = [number for first, last in earlier.open_ranges for number in range(first, last + 1)]
        self.usage, self.models, self.rounds = earlier.usage, earlier.models, earlier.rounds
        self.duplicates_rejected, self.fallbacks = earlier.duplicates_rejected, earlier.fallbacks
        self.duplicate_checks = self.earlier_checks = earlier.duplicate_checks
        self.prepared = self.has_first_answer = self.approved = True
        self.items = self.target - len(open_slots)
        for group in self.groups:
            group.items = group.target
        for group in self._find_groups(open_slots):
            group.items -= 1
        for group in self.groups:
            group.ended_at = self.items if group.items == group.target else None
        slots_by_root = self._group_by_root(open_slots)
        self.batches.completed = len(self.schedule.sizes) - len(slots_by_root)
        self.to_recount = list(slots_by_root)
        filled = {root: self.schedule.sizes[root - 1] - len(slots) for root, slots in slots_by_root.items()}
        self.filled_by_batch = {root: count for root, count in filled.items() if count}
        self.schedule.mark_all_sent(earlier.lane_files)
        self._requeue_slots(slots_by_root, earlier.label)

    def extend_plan(self, extension: ExtendResult) -> None:
        """Add slots at the end of the plan."""
        self.schedule.sizes = [*self.schedule.sizes, *extension.sizes]
        if self.schedule.after or any(extension.after):
            self.schedule.after = [*self.schedule.after, *extension.after]
        self.target += sum(extension.sizes)
        self.batches.planned += len(extension.sizes)
        previous = {group.name: group for group in self.groups}
        self.groups = [self._grow_group(previous.get(group.name), group) for group in extension.groups]
        self.planned.sizes = self.schedule.sizes

    @staticmethod
    def _grow_group(previous: Group | None, group: Group) -> Group:
        if previous is None or previous.target == group.target:
            return previous or group
        return previous.model_copy(update={"target": group.target, "ended_at": None})

    def record_outcome(self, batch: Batch, outcome: Outcome) -> None:
        """Add a batch's outcome to the counts. `tokens_per_item` moves halfway to the measured usage each time."""
        self.record_usage(outcome, batch)
        self.reused += outcome.reused
        self.has_first_answer = True
        if outcome.seconds is not None:
            self.record_duration(outcome.seconds)
        self.filled_by_batch[batch.root] = self.filled_by_batch.get(batch.root, 0) + len(outcome.filled)
        if outcome.filled and self.schedule.has_lanes:
            self.schedule.lane_files.setdefault(batch.root, []).append(outcome.batch)
        self.items += len(outcome.filled)
        for group in self._find_groups(outcome.filled):
            group.items += 1
            if group.items == group.target and group.ended_at is None:
                group.ended_at = self.items
        if outcome.tokens_per_item:
            self.tokens_per_item = (self.tokens_per_item + outcome.tokens_per_item) // 2 or 1

    def record_usage(self, outcome: Outcome, batch: Batch | None = None) -> None:
        """Add tokens and cost: to the run's totals, and to those of `batch` and its group if it is given."""
        self.usage = self.usage.plus(outcome.usage)
        self.simulated = self.simulated or outcome.simulated
        if outcome.model:
            self.models[outcome.model] = self.models.get(outcome.model, Usage()).plus(outcome.usage)
        if batch is not None:
            if 0 < len(self.schedule.sizes) <= MAX_COUNTED:
                self.batch_usage[batch.root] = self.batch_usage.get(batch.root, Usage()).plus(outcome.usage)
            for group in self._find_groups(list(batch.slots[:1])):
                group.usage = group.usage.plus(outcome.usage)

    def record_duration(self, seconds: float) -> None:
        """Include the duration of an answered call in the mean."""
        self.calls_timed += 1
        self.seconds_per_call += (seconds - self.seconds_per_call) / self.calls_timed

    def give_up_slots(self, slots: Iterable[OpenSlot], batch: Batch | None = None) -> None:
        """Record slots that stay empty. Details are kept for the first thousands only: the state has to travel."""
        given_up = list(slots)
        if len(self.failed) > MAX_COUNTED:
            given_up = [slot.model_copy(update={"detail": ""}) for slot in given_up]
        self.failed.extend(given_up)
        if batch is not None and not self.schedule.sizes:
            self.root_of_slot.update((slot.slot, batch.root) for slot in given_up)
        for group in self._find_groups([slot.slot for slot in given_up]):
            group.failed += 1

    def finish_batch(self, name: str) -> None:
        """Record that a batch has no open slot left, and count its planned batch if that is done now."""
        done = self.schedule.mark_done(name)
        if done is None:
            return
        root = int(done.partition(".")[0])
        if not done.isdecimal():  # requeued by a duplicate round or by hand: it has been counted, unless it failed
            if root not in self.to_recount:
                return
            self.to_recount.remove(root)
        if self.filled_by_batch.pop(root, 0):
            self.batches.completed += 1
        else:
            self.batches.failed += 1
            self.failed_batches.append(root)

    def add_warning(self, warning: str) -> None:
        """Add a warning to the result and the run's page, up to `MAX_WARNINGS`."""
        if len(self.warnings) < MAX_WARNINGS:
            self.warnings.append(warning)

    def reject_duplicates(self, duplicates: list[DuplicateOf], *, reopen: bool) -> None:
        """Reject these items; their slots open again if `reopen`, else they are given up."""
        self.duplicate_checks += 1
        self.duplicates_by_round.append(len(duplicates))
        if not duplicates:
            return
        self.duplicates_rejected += len(duplicates)
        self.items -= len(duplicates)
        for group in self._find_groups([duplicate.slot for duplicate in duplicates]):
            group.items -= 1
            group.duplicates_rejected += 1
            group.ended_at = None
        if not reopen:
            self.give_up_slots(
                OpenSlot(slot=duplicate.slot, reason="duplicate", detail=f"of {duplicate.of}")
                for duplicate in duplicates
            )
            return
        self.rounds += 1
        slots_by_root = self._group_by_root([duplicate.slot for duplicate in duplicates])
        self._requeue_slots(slots_by_root, f"d{self.duplicate_checks}", avoid=self.duplicate_checks)

    def reopen_failed(self, number: int | None = None) -> int:
        """Open all failed slots again and return how many. `number` counts such retries over the whole run."""
        slots = sorted(slot.slot for slot in self.failed)
        self.retry_count = self.retry_count + 1 if number is None else number
        self.rounds += 1
        return self._reopen_slots(slots, f"r{self.retry_count}")

    def reopen_late(self, slots: list[int]) -> None:
        """Open failed slots of a shard again that ended before it heard of the retry."""
        self._reopen_slots(sorted(slots), f"r{self.retry_count}late")

    def _reopen_slots(self, slots: list[int], label: str) -> int:
        for group in self._find_groups(slots):
            group.failed -= 1
        reopened = set(slots)
        self.failed = [slot for slot in self.failed if slot.slot not in reopened]
        slots_by_root = self._group_by_root(slots)
        failed = set(slots_by_root) & set(self.failed_batches)
        self.failed_batches = [root for root in self.failed_batches if root not in failed]
        self.batches.failed -= len(failed)
        self.to_recount += sorted(failed)
        self._requeue_slots(slots_by_root, label)
        return len(slots)

    def _requeue_slots(self, slots_by_root: dict[int, list[int]], label: str, *, avoid: int = 0) -> None:
        batches = [
            Batch(name=f"{root}.{label}", slots=tuple(slots), avoid=avoid)
            for root, slots in sorted(slots_by_root.items())
        ]
        self.schedule.reopen_batches(batches)

    def _group_by_root(self, slots: list[int]) -> dict[int, list[int]]:
        """Return the slots of each planned batch, by its number."""
        ends = list(accumulate(self.schedule.sizes))
        slots_by_root: dict[int, list[int]] = {}
        if not ends:
            for number in slots:
                slots_by_root.setdefault(self.root_of_slot[number], []).append(number)
            return slots_by_root
        for number in slots:
            slots_by_root.setdefault(bisect_right(ends, number - 1) + 1, []).append(number)
        return slots_by_root

    def _find_groups(self, slots: list[int]) -> list[Group]:
        """Return the group of each slot."""
        if not self.groups:
            return []
        ends = self.group_ends or list(accumulate(group.target for group in self.groups))
        return [self.groups[bisect_right(ends, number - 1)] for number in slots]
