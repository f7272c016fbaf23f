"""Split a shard's state off a run's, and merge a shard's result into it."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate

from quire.budget import Spending
from quire.outcome import Usage
from quire.progress import BatchCounts, Group
from quire.schedule import Schedule
from quire.slots import Batch
from workflows.state.shard_messages import ShardResult
from workflows.state.state import State


def split_state(state: State, batches: Sequence[Batch], lane_of: Mapping[int, int]) -> tuple[State, list[int]]:
    """Return the state of a shard that generates these batches, and the positions of the groups that it has parts of.

    `lane_of` names the lane of each planned batch that is in a lane. What only this shard needs leaves the run's state.
    """
    roots = {batch.root for batch in batches}
    slots = [number for batch in batches for number in batch.slots]
    schedule = Schedule(after=state.schedule.after)
    schedule.load_shard(batches)
    if schedule.has_lanes:
        lanes = {lane_of[root] for root in roots if root in lane_of}
        schedule.lane_files = {
            root: names for root, names in state.schedule.lane_files.items() if lane_of.get(root) in lanes
        }
    plan = state.planned.model_copy(
        update={"sizes": [], "after": [], "groups": [], "preparations": [], "warnings": [], "earlier_run": None}
        | {"search_attributes": False, "request": None}
    )
    ends = list(accumulate(group.target for group in state.groups))
    slots_of_group = Counter(bisect_right(ends, number - 1) for number in slots) if ends else Counter[int]()
    positions = sorted(slots_of_group)
    shard_state = State(
        plan=plan,
        started=state.started,
        schedule=schedule,
        prepared=True,
        target=len(slots),
        batches=BatchCounts(planned=state.batches.planned),
        filled_by_batch={root: count for root, count in state.filled_by_batch.items() if root in roots},
        to_recount=[root for root in state.to_recount if root in roots],
        groups=[Group(name=state.groups[at].name, target=slots_of_group[at]) for at in positions],
        group_ends=[ends[at] for at in positions],
        rounds=state.rounds,
        duplicate_checks=state.duplicate_checks,
        retry_count=state.retry_count,
        spending=Spending(
            prompt_tokens=state.spending.expect_tokens(0, 0, state.usage), usd_per_token=state.spending.usd_per_token
        ),
        seconds_per_call=state.seconds_per_call,
        calls_timed=min(1, state.calls_timed),
        tokens_per_item=state.tokens_per_item,
        has_first_answer=True,
        approved=True,
    )
    state.filled_by_batch = {root: count for root, count in state.filled_by_batch.items() if root not in roots}
    state.to_recount = [root for root in state.to_recount if root not in roots]
    return shard_state, positions


def merge_shard_result(state: State, result: ShardResult, positions: Sequence[int]) -> None:
    """Add an ended shard's result to the run's state; `positions` are those of its groups among the run's."""
    state.items += result.items
    state.failed = sorted([*state.failed, *result.failed_slots], key=lambda slot: slot.slot)
    state.batches.completed += result.batches_completed
    state.batches.failed += result.batches_failed
    state.failed_batches += result.failed_batches
    state.filled_by_batch |= result.filled_by_batch
    state.to_recount += result.to_recount
    state.rounds = max(state.rounds, result.rounds)
    state.fallbacks += result.fallbacks
    state.reused += result.reused
    state.simulated = state.simulated or result.simulated
    state.usage = state.usage.plus(result.usage)
    for name, usage in result.models.items():
        state.models[name] = state.models.get(name, Usage()).plus(usage)
    for position, part in zip(positions, result.groups, strict=True):
        group = state.groups[position]
        group.add(part)
        if group.items == group.target and group.ended_at is None:
            group.ended_at = state.items
    state.schedule.lane_files |= result.lane_files
    state.schedule.requeue_all(result.unsent)
    for warning in result.warnings:
        if warning not in state.warnings:
            state.add_warning(warning)
    state.tokens_per_item, state.seconds_per_call = result.tokens_per_item, result.seconds_per_call
    state.calls_timed = max(state.calls_timed, result.calls_timed)
