"""How different the items of an artifact are from each other, by group, as figures for the report."""

from collections import Counter
from typing import Any

from activities.bound import Shelf
from activities.planfile import OpenPlan
from quire.duplicates import text_of
from quire.likeness import grams

SAMPLE = 100
"""Items of a group that are compared with each other, evenly drawn; of more, the figure is an estimate."""
OPENING = 4
"""Words of an opening."""


async def diversity(plan: OpenPlan, shelf: Shelf) -> list[dict[str, Any]]:
    """For each group: share of distinct items, how like the nearest other item is on average, repeated openings."""
    found: list[dict[str, Any]] = []
    first = 1
    for group in plan.recipe.groups(len(plan.slots)):
        numbers = [number for number in range(first, first + group.target) if number in shelf]
        first += group.target
        if numbers:
            found.append(await _figures(plan, shelf, group.name, numbers))
    return found


async def _figures(plan: OpenPlan, shelf: Shelf, name: str, numbers: list[int]) -> dict[str, Any]:
    seen: set[int] = set()
    openings: Counter[str] = Counter()
    sample: list[str] = []
    step = max(1, len(numbers) // SAMPLE)
    for index, number in enumerate(numbers):
        row = await shelf.row(number)
        text = text_of("near", row["item"] if row else {}, plan.compared)
        seen.add(hash(text))
        openings[" ".join(text.split()[:OPENING])] += 1
        if index % step == 0 and len(sample) < SAMPLE:
            sample.append(text)
    return {
        "group": name,
        "items": len(numbers),
        "distinct": round(len(seen) / len(numbers), 4),
        "nearest": _nearest(sample),
        "sample": len(sample),
        "openings": [[words, count] for words, count in openings.most_common(3) if count > 1],
    }


def _nearest(texts: list[str]) -> float | None:
    """The mean, over these, of how like the likest other one is; 1 is a repeat."""
    if len(texts) < 2:
        return None
    pieces = [grams(text) for text in texts]
    best = [0.0] * len(pieces)
    for one, a in enumerate(pieces):
        for other in range(one):
            b = pieces[other]
            score = (both := len(a & b)) / (len(a) + len(b) - both)
            best[one], best[other] = max(best[one], score), max(best[other], score)
    return round(sum(best) / len(best), 4)
