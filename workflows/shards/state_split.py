"""What a shard is given of a run's state, and what the run takes back from it."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate

from quire.budget import Spending
from quire.outcome import Usage
from quire.progress import BatchCounts, Group
from quire.schedule import Schedule
from quire.slots import Batch
from workflows.state.shard_messages import Ended
from workflows.state.state import State


def part(state: State, batches: Sequence[Batch], lanes: Mapping[int, int]) -> tuple[State, list[int]]:
    """The state of a shard that makes these batches, and which groups it holds parts of. `lanes` tells the lane of
    each planned batch that is in one."""
    roots = {batch.root for batch in batches}
    numbers = [number for batch in batches for number in batch.slots]
    schedule = Schedule(after=state.schedule.after)
    schedule.line_up(batches)
    if schedule.lanes:
        mine = {lanes[root] for root in roots if root in lanes}
        schedule.files = {root: names for root, names in state.schedule.files.items() if lanes.get(root) in mine}
    plan = state.planned.model_copy(
        update={"sizes": [], "after": [], "groups": [], "preparations": [], "warnings": [], "taken_over": None}
        | {"search_attributes": False, "request": None}
    )
    ends = list(accumulate(group.target for group in state.groups))
    held = Counter(bisect_right(ends, number - 1) for number in numbers) if ends else Counter[int]()
    positions = sorted(held)
    part = State(
        plan=plan,
        started=state.started,
        schedule=schedule,
        prepared=True,
        target=len(numbers),
        batches=BatchCounts(planned=state.batches.planned),
        partly={root: count for root, count in state.partly.items() if root in roots},
        recounted=[root for root in state.recounted if root in roots],
        groups=[Group(name=state.groups[at].name, target=held[at]) for at in positions],
        spans=[ends[at] for at in positions],
        rounds=state.rounds,
        checks=state.checks,
        retries=state.retries,
        spending=Spending(
            prompt_tokens=state.spending.expect(0, 0, state.usage), usd_per_token=state.spending.usd_per_token
        ),
        seconds_a_call=state.seconds_a_call,
        calls_timed=min(1, state.calls_timed),
        tokens_per_item=state.tokens_per_item,
        warm=True,
        approved=True,
    )
    state.partly = {root: count for root, count in state.partly.items() if root not in roots}
    state.recounted = [root for root in state.recounted if root not in roots]
    return part, positions


def absorb(state: State, ended: Ended, positions: Sequence[int]) -> None:
    """Take over what a shard came to."""
    state.items += ended.items
    state.failed = sorted([*state.failed, *ended.failed_slots], key=lambda slot: slot.slot)
    state.batches.completed += ended.completed
    state.batches.failed += ended.given_up
    state.batches_failed += ended.batches_failed
    state.partly |= ended.partly
    state.recounted += ended.recounted
    state.rounds = max(state.rounds, ended.rounds)
    state.fallbacks += ended.fallbacks
    state.reused += ended.reused
    state.simulated = state.simulated or ended.simulated
    state.usage = state.usage.plus(ended.usage)
    for name, used in ended.models.items():
        state.models[name] = state.models.get(name, Usage()).plus(used)
    for position, part in zip(positions, ended.groups, strict=True):
        group = state.groups[position]
        group.count(part)
        if group.items == group.target and group.ended_at is None:
            group.ended_at = state.items
    state.schedule.files |= ended.files
    state.schedule.take_back(ended.left)
    state.warnings += [said for said in ended.warnings if said not in state.warnings][
        : max(0, 50 - len(state.warnings))
    ]
    state.tokens_per_item, state.seconds_a_call = ended.tokens_per_item, ended.seconds_a_call
    state.calls_timed = max(state.calls_timed, ended.calls_timed)
