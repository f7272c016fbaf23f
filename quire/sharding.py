"""How the batches of a very large run are split into shards. Pure.

Other figures here would split a live run's batches differently when its history is replayed: they need
`workflow.patched`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from quire.slots import Batch, find_ranges

UNSHARDED_BATCHES = 1200
"""Open batches above which they go to shards: a history slows its workflow down as it grows."""
SHARD_BATCHES = 1000
"""Batches of a shard, roughly."""
MAX_SHARDS = 200
"""Shards of a run, roughly: if a run is larger still, each shard holds more batches."""
ACTIVE_SHARDS = 8
"""Shards at work side by side: each has its share of the calls in flight, and when a shard ends the next one starts."""

BatchRanges = list[tuple[int, int]]
"""First and last planned batch of each range."""


@dataclass(frozen=True)
class ShardPlan:
    """The batches of one shard."""

    planned: BatchRanges = field(default_factory=BatchRanges)
    """Batches of the plan that have not been sent."""
    requeued: list[Batch] = field(default_factory=list[Batch])
    """Batches that are sent again."""


def assign_lanes(after: Sequence[int]) -> dict[int, int]:
    """Return the lane of each planned batch that is in a lane; a lane is named by the number of its first batch.

    `after[k - 1]` is the batch that batch k waits for, or 0.
    """
    lane_of: dict[int, int] = {}
    for number, previous in enumerate(after, 1):
        if previous:
            lane_of[number] = lane_of.setdefault(previous, previous)
    return lane_of


def split_into_shards(numbers: Sequence[int], requeued: Sequence[Batch], lane_of: Mapping[int, int]) -> list[ShardPlan]:
    """Split planned batches, by number, and requeued batches about evenly; a lane never crosses shards."""
    count = len(numbers) + len(requeued)
    shards = -(-count // max(SHARD_BATCHES, -(-count // MAX_SHARDS)))
    if not lane_of:
        return [*_split_planned(numbers, shards), *(ShardPlan(requeued=part) for part in _split_requeued(requeued))]
    planned_of_lane: dict[int, list[int]] = {}
    requeued_of_lane: dict[int, list[Batch]] = {}
    for number in numbers:  # a batch that is in no lane is a lane of its own, named by a negative number
        planned_of_lane.setdefault(lane_of.get(number, -number), []).append(number)
    for batch in requeued:
        requeued_of_lane.setdefault(lane_of.get(batch.root, -batch.root), []).append(batch)
    shard_size, last_size = -(-count // max(1, shards)), 0
    shard_batches: list[tuple[list[int], list[Batch]]] = []
    for lane in dict.fromkeys([*planned_of_lane, *requeued_of_lane]):
        lane_size = len(planned_of_lane.get(lane, ())) + len(requeued_of_lane.get(lane, ()))
        if not shard_batches or last_size + lane_size > shard_size:
            shard_batches.append(([], []))
            last_size = 0
        shard_batches[-1][0].extend(planned_of_lane.get(lane, ()))
        shard_batches[-1][1].extend(requeued_of_lane.get(lane, ()))
        last_size += lane_size
    return [ShardPlan(find_ranges(sorted(planned)), batches) for planned, batches in shard_batches]


def _split_planned(numbers: Sequence[int], shards: int) -> list[ShardPlan]:
    ends = [len(numbers) * part // max(1, shards) for part in range(shards + 1)]
    return [ShardPlan(find_ranges(numbers[start:end])) for start, end in pairwise(ends) if start < end]


def _split_requeued(batches: Sequence[Batch]) -> list[list[Batch]]:
    size = max(SHARD_BATCHES, -(-len(batches) // MAX_SHARDS))
    return [list(batches[start : start + size]) for start in range(0, len(batches), size)]


def split_calls(concurrency: int, shards: int) -> list[int]:
    """Return the calls in flight of each shard, together `concurrency`, each at least one."""
    return [max(1, concurrency // shards + (number < concurrency % shards)) for number in range(shards)]
