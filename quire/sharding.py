"""How the batches of a very large run are dealt out to shards. Pure.

Other figures here would deal a live run's batches out anew when its history is replayed: they need `workflow.patched`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from quire.slots import Batch

SHARDED = 1200
"""Batches that are open above which they go to shards: a history slows its workflow down as it grows."""
MOST = 1000
"""Batches of a shard, roughly."""
MOST_SHARDS = 200
"""Shards of a run, roughly: of a run that is larger still, each holds more."""
ACTIVE = 8
"""Shards at work side by side: each has its share of the calls in flight, and where one ends another is there."""

Stretches = list[tuple[int, int]]
"""Planned batches, as first and last of each stretch."""


@dataclass(frozen=True)
class Piece:
    """What one shard is to make."""

    stretches: Stretches = field(default_factory=Stretches)
    """Planned batches."""
    again: list[Batch] = field(default_factory=list[Batch])
    """Batches that are sent again."""


def lanes(after: Sequence[int]) -> dict[int, int]:
    """The lane of each planned batch that waits for another or is waited for: the number of its first batch. `after[k
    - 1]` is the batch that batch k waits for, or 0."""
    found: dict[int, int] = {}
    for number, first in enumerate(after, 1):
        if first:
            found[number] = found.setdefault(first, first)
    return found


def deal(numbers: Sequence[int], again: Sequence[Batch], lane_of: Mapping[int, int]) -> list[Piece]:
    """Planned batches and those that are sent again, dealt out about evenly; a lane never crosses shards."""
    count = len(numbers) + len(again)
    shards = -(-count // max(MOST, -(-count // MOST_SHARDS)))
    if not lane_of:
        return [*_even(numbers, shards), *(Piece(again=part) for part in _cut(again))]
    lanes: dict[int, list[int]] = {}
    others: dict[int, list[Batch]] = {}
    for number in numbers:
        lanes.setdefault(lane_of.get(number, -number), []).append(number)
    for batch in again:
        others.setdefault(lane_of.get(batch.root, -batch.root), []).append(batch)
    most, held = -(-count // max(1, shards)), 0
    dealt: list[tuple[list[int], list[Batch]]] = []
    for lane in dict.fromkeys([*lanes, *others]):
        size = len(lanes.get(lane, ())) + len(others.get(lane, ()))
        if not dealt or held + size > most:
            dealt.append(([], []))
            held = 0
        dealt[-1][0].extend(lanes.get(lane, ()))
        dealt[-1][1].extend(others.get(lane, ()))
        held += size
    return [Piece(_stretches(sorted(planned)), batches) for planned, batches in dealt]


def _even(numbers: Sequence[int], shards: int) -> list[Piece]:
    ends = [len(numbers) * part // max(1, shards) for part in range(shards + 1)]
    return [Piece(_stretches(numbers[start:end])) for start, end in pairwise(ends) if start < end]


def _cut(batches: Sequence[Batch]) -> list[list[Batch]]:
    most = max(MOST, -(-len(batches) // MOST_SHARDS))
    return [list(batches[start : start + most]) for start in range(0, len(batches), most)]


def _stretches(numbers: Sequence[int]) -> Stretches:
    found: Stretches = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def shares(width: int, shards: int) -> list[int]:
    """The calls in flight of each shard, together `width`, each at least one."""
    return [max(1, width // shards + (number < width % shards)) for number in range(shards)]
