"""Shards hold every batch once, about a thousand each, and lanes whole."""

from hypothesis import given
from hypothesis import strategies as st

from quire import sharding
from quire.slots import Batch


def numbers(piece: sharding.Piece) -> list[int]:
    return [number for first, last in piece.stretches for number in range(first, last + 1)]


@given(
    count=st.integers(1, 12_000),
    width=st.integers(0, 40),
    roots=st.lists(st.integers(1, 200), max_size=300),
)
def test_every_batch_is_in_one_shard_and_a_lane_in_one(count, width, roots):
    after = [max(0, k - width) if width else 0 for k in range(1, count + 1)]
    again = [Batch(name=f"{root}.d{at}", slots=(at + 1,)) for at, root in enumerate(roots) if root <= count]
    planned, lane_of = list(range(1, count + 1)), sharding.lanes(after)
    found = sharding.deal(planned, again, lane_of)
    assert sorted(number for piece in found for number in numbers(piece)) == planned
    assert sorted(b.name for piece in found for b in piece.again) == sorted(b.name for b in again)
    shard_of = {number: shard for shard, piece in enumerate(found) for number in numbers(piece)}
    assert all(not first or shard_of[first] == shard_of[k] for k, first in enumerate(after, 1))
    if lane_of:
        assert all(shard_of[b.root] == shard for shard, piece in enumerate(found) for b in piece.again)
    if not width:
        sizes = [len(numbers(piece)) for piece in found if piece.stretches]
        assert max(sizes) <= sharding.MOST and max(sizes) - min(sizes) <= 1


@given(width=st.integers(1, 1000), shards=st.integers(1, 8))
def test_shares_are_even_and_no_more_than_the_width(width, shards):
    found = sharding.shares(width, shards)
    assert len(found) == shards and max(found) - min(found) <= 1
    assert sum(found) == max(width, shards)
