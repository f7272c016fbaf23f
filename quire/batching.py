"""Split slots into batches: how many, and which slots go into each. Pure."""

from collections.abc import Sequence
from typing import Literal

MAX_ITEMS_PER_CALL = 10
"""Longer answers lose quality and are cut off."""


def count_items_per_answer(max_output_tokens: int, tokens_per_item: int) -> int:
    """Return how many items fit into an answer: at least one, so that a run always makes progress."""
    return max(1, max_output_tokens // tokens_per_item)


def count_batches(slots: int, *, trigger: int, size: Literal["auto"] | int, limit: int) -> int:
    """Return the number of calls for this many slots.

    `size` is the items per call; `auto` is one call up to `trigger` slots, then one for every ten or part of ten.
    `limit` is the most items that fit into an answer and bounds both.
    """
    if slots <= 0:
        return 0
    if size == "auto":
        count = 1 if slots <= trigger else max(2, -(-slots // MAX_ITEMS_PER_CALL))
    else:
        count = -(-slots // size)
    return max(count, -(-slots // limit))


def balance(total: int, parts: int) -> list[int]:
    """Split a total into sizes that differ by at most one, larger ones first: 25 in 3 parts is 9, 8, 8."""
    if parts <= 0:
        return []
    small, extra = divmod(total, parts)
    return [small + (index < extra) for index in range(parts)]


def partition(numbers: Sequence[int], parts: int) -> list[tuple[int, ...]]:
    """Split numbers into consecutive groups of balanced sizes."""
    groups: list[tuple[int, ...]] = []
    start = 0
    for size in balance(len(numbers), parts):
        groups.append(tuple(numbers[start : start + size]))
        start += size
    return groups


def split_smaller(numbers: Sequence[int], previous: int, limit: int) -> list[tuple[int, ...]]:
    """Regroup open slots for another try, into groups of at most `limit` slots and at most half the `previous` size.

    A cut-off answer or one bad slot thus costs less with each try.
    """
    if not numbers:
        return []
    size = max(1, min(previous // 2, limit))
    return partition(numbers, -(-len(numbers) // size))
