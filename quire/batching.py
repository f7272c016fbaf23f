"""How many calls a number of slots needs, and which slots go into each. Pure."""

from collections.abc import Sequence
from typing import Literal

MOST_PER_CALL = 10
"""Seed 000's hard limit: answers of more items lose quality and are cut off."""


def capacity(max_output_tokens: int, tokens_per_item: int) -> int:
    """The most items an answer has room for; at least one, since a batch of none would never end."""
    return max(1, max_output_tokens // tokens_per_item)


def batch_count(slots: int, *, trigger: int, size: Literal["auto"] | int, limit: int) -> int:
    """Calls needed for so many slots.

    `auto` is seed 000's table (one call up to the trigger, then one for each begun ten); a number is items a call.
    `limit`, what the model's output holds, bounds both.
    """
    if slots <= 0:
        return 0
    if size == "auto":
        wanted = 1 if slots <= trigger else max(2, -(-slots // MOST_PER_CALL))
    else:
        wanted = -(-slots // size)
    return max(wanted, -(-slots // limit))


def balanced(total: int, parts: int) -> list[int]:
    """Sizes that differ by one at most, larger ones first: 25 in 3 is 9, 8, 8."""
    if parts <= 0:
        return []
    small, extra = divmod(total, parts)
    return [small + (index < extra) for index in range(parts)]


def partition(numbers: Sequence[int], parts: int) -> list[tuple[int, ...]]:
    """Consecutive, balanced groups of the numbers."""
    groups: list[tuple[int, ...]] = []
    start = 0
    for size in balanced(len(numbers), parts):
        groups.append(tuple(numbers[start : start + size]))
        start += size
    return groups


def smaller(numbers: Sequence[int], previous: int, limit: int) -> list[tuple[int, ...]]:
    """Open slots regrouped for another try: at most half the size of the batch that they come from, and never over
    the limit, so that a cut-off answer or one bad slot costs less each time."""
    if not numbers:
        return []
    size = max(1, min(previous // 2, limit))
    return partition(numbers, -(-len(numbers) // size))
