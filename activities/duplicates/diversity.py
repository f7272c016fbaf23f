"""How different the items of an artifact are from each other, by group, as figures for the report."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from activities.store.batch_files import Row, Shelf
from activities.store.plan_file import OpenPlan
from quire.comparison_text import text_of
from quire.similarity import grams
from quire.slots import Slot

COUNTED = 10_000
"""Items of a group whose texts are counted, evenly drawn; of more, the figures are estimates."""
SAMPLE = 100
"""Those of them that are compared with each other."""
OPENING = 4
"""Words of an opening."""


@dataclass
class _Group:
    name: str
    items: int
    counted: int = 0
    seen: set[int] = field(default_factory=set[int])
    openings: Counter[str] = field(default_factory=Counter[str])
    sample: list[str] = field(default_factory=list[str])

    def figures(self) -> dict[str, Any]:
        return {
            "group": self.name,
            "items": self.items,
            "counted": self.counted,
            "distinct": round(len(self.seen) / self.counted, 4),
            "nearest": _nearest(self.sample),
            "sample": len(self.sample),
            "openings": [[words, count] for words, count in self.openings.most_common(3) if count > 1],
        }


class Diversity:
    """Sees every slot in order; then tells for each group the share of distinct items, how like the nearest other item
    is on average, and repeated openings."""

    def __init__(self, plan: OpenPlan, shelf: Shelf) -> None:
        self._plan, self._shelf = plan, shelf
        self._groups: list[_Group] = []
        self._planned = iter(plan.recipe.groups(len(plan.slots)))
        self._last = self._index = 0
        self._done: list[dict[str, Any]] = []

    def see(self, slot: Slot, row: Row | None) -> None:
        """The next slot, with what fills it."""
        while slot.number > self._last:
            self._next()
        group = self._groups[-1]
        if row is None or not group.items:
            return
        self._index += 1
        if self._index % -(-group.items // COUNTED):
            return
        text = text_of("near", row["item"], self._plan.compared)
        group.counted += 1
        group.seen.add(hash(text))
        group.openings[" ".join(text.split(None, OPENING)[:OPENING])] += 1
        step = max(1, min(group.items, COUNTED) // SAMPLE)
        if group.counted % step == 0 and len(group.sample) < SAMPLE:
            group.sample.append(text)

    def figures(self) -> list[dict[str, Any]]:
        """What was seen, group by group; groups without items are left out."""
        self._close()
        return self._done

    def _next(self) -> None:
        self._close()
        group, first = next(self._planned), self._last + 1
        self._last += group.target
        filled = sum(number in self._shelf for number in range(first, self._last + 1))
        self._groups.append(_Group(group.name, filled))
        self._index = 0

    def _close(self) -> None:
        for group in self._groups:
            if group.counted:
                self._done.append(group.figures())
        self._groups.clear()


def _nearest(texts: list[str]) -> float | None:
    """The mean, over these, of how like the likest other one is; 1 is a repeat."""
    if len(texts) < 2:
        return None
    pieces = _as_bits([grams(text) for text in texts])
    sizes, best = [bits.bit_count() for bits in pieces], [0.0] * len(pieces)
    for one, a in enumerate(pieces):
        for other in range(one):
            both = (a & pieces[other]).bit_count()
            score = both / (sizes[one] + sizes[other] - both)
            best[one], best[other] = max(best[one], score), max(best[other], score)
    return round(sum(best) / len(best), 4)


def _as_bits(pieces: list[set[bytes]]) -> list[int]:
    """Each set as a number with a bit for each of its members: compared in a twentieth of the time."""
    places = {gram: place for place, gram in enumerate(set[bytes]().union(*pieces))}
    numbers: list[int] = []
    for piece in pieces:
        bits = bytearray(len(places) // 8 + 1)
        for gram in piece:
            bits[places[gram] >> 3] |= 1 << (places[gram] & 7)
        numbers.append(int.from_bytes(bits, "little"))
    return numbers
