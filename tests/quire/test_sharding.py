"""Shards hold every batch once, about a thousand each, and no lane is split."""

from hypothesis import given
from hypothesis import strategies as st

from quire import sharding
from quire.slots import Batch


def list_numbers(piece: sharding.ShardPlan) -> list[int]:
    return [number for first, last in piece.planned for number in range(first, last + 1)]


@given(
    count=st.integers(1, 12_000),
    width=st.integers(0, 40),
    roots=st.lists(st.integers(1, 200), max_size=300),
)
def test_every_batch_is_in_one_shard_and_every_lane_in_one(count, width, roots):
    after = [max(0, k - width) if width else 0 for k in range(1, count + 1)]
    reopened = [Batch(name=f"{root}.d{at}", slots=(at + 1,)) for at, root in enumerate(roots) if root <= count]
    planned, lane_of = list(range(1, count + 1)), sharding.assign_lanes(after)
    plans = sharding.split_into_shards(planned, reopened, lane_of)
    assert sorted(number for piece in plans for number in list_numbers(piece)) == planned
    assert sorted(b.name for piece in plans for b in piece.requeued) == sorted(b.name for b in reopened)
    shard_of = {number: shard for shard, piece in enumerate(plans) for number in list_numbers(piece)}
    assert all(not first or shard_of[first] == shard_of[k] for k, first in enumerate(after, 1))
    if lane_of:
        assert all(shard_of[b.root] == shard for shard, piece in enumerate(plans) for b in piece.requeued)
    if not width:
        sizes = [len(list_numbers(piece)) for piece in plans if piece.planned]
        assert max(sizes) <= sharding.SHARD_BATCHES and max(sizes) - min(sizes) <= 1


@given(width=st.integers(1, 1000), shards=st.integers(1, 8))
def test_calls_are_split_evenly_among_shards(width, shards):
    parts = sharding.split_calls(width, shards)
    assert len(parts) == shards and max(parts) - min(parts) <= 1
    assert sum(parts) == max(width, shards)
