"""Measure how much the items of an artifact differ from each other, by group, for the report."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from activities.store.batch_files import Row
from activities.store.item_index import ItemIndex
from activities.store.plan_file import OpenPlan
from quire.comparison_text import build_comparison_text
from quire.similarity import split_grams
from quire.slots import Slot

MAX_COUNTED = 10_000
"""Items of a group whose texts are counted. Larger groups are sampled evenly, and their figures are estimates."""
MAX_COMPARED = 100
"""Counted items of a group that are compared with each other."""
OPENING_WORDS = 4
"""Words at the beginning of an item that are compared as its opening."""


@dataclass
class _GroupCounts:
    name: str
    items: int
    counted: int = 0
    text_hashes: set[int] = field(default_factory=set[int])
    openings: Counter[str] = field(default_factory=Counter[str])
    sample: list[str] = field(default_factory=list[str])

    def to_figures(self) -> dict[str, Any]:
        return {
            "group": self.name,
            "items": self.items,
            "counted": self.counted,
            "distinct": round(len(self.text_hashes) / self.counted, 4),
            "nearest": _compute_mean_nearest_similarity(self.sample),
            "sample": len(self.sample),
            "openings": [[words, count] for words, count in self.openings.most_common(3) if count > 1],
        }


class DiversityMeter:
    """Measures each group of slots: the share of distinct items, the mean similarity to the most similar other item,
    and the openings that repeat. Slots are added in order."""

    def __init__(self, plan: OpenPlan, items: ItemIndex) -> None:
        self._plan, self._items = plan, items
        self._group: _GroupCounts | None = None
        self._planned_groups = iter(plan.recipe.groups(len(plan.slots)))
        self._last_slot = 0
        """The number of the current group's last slot."""
        self._items_in_group = 0
        """Items of the current group that were added, counted or not."""
        self._figures: list[dict[str, Any]] = []

    def add_slot(self, slot: Slot, row: Row | None) -> None:
        """Add the next slot; `row` is its stored item, None if the slot is not filled."""
        while slot.number > self._last_slot:
            self._begin_group()
        group = self._group
        if row is None or group is None or not group.items:
            return
        self._items_in_group += 1
        if self._items_in_group % -(-group.items // MAX_COUNTED):
            return
        text = build_comparison_text("near", row["item"], self._plan.compared_fields)
        group.counted += 1
        group.text_hashes.add(hash(text))
        group.openings[" ".join(text.split(None, OPENING_WORDS)[:OPENING_WORDS])] += 1
        step = max(1, min(group.items, MAX_COUNTED) // MAX_COMPARED)
        if group.counted % step == 0 and len(group.sample) < MAX_COMPARED:
            group.sample.append(text)

    def compute_figures(self) -> list[dict[str, Any]]:
        """Return the figures of every group that has items, in order. No slots can be added afterwards."""
        self._end_group()
        return self._figures

    def _begin_group(self) -> None:
        self._end_group()
        planned, first_slot = next(self._planned_groups), self._last_slot + 1
        self._last_slot += planned.target
        filled = sum(number in self._items for number in range(first_slot, self._last_slot + 1))
        self._group = _GroupCounts(planned.name, filled)
        self._items_in_group = 0

    def _end_group(self) -> None:
        if self._group is not None and self._group.counted:
            self._figures.append(self._group.to_figures())
        self._group = None


def _compute_mean_nearest_similarity(texts: list[str]) -> float | None:
    """Return the mean similarity of the texts to the most similar other one, from 0 to 1 for an equal text; None for
    fewer than two texts."""
    if len(texts) < 2:
        return None
    bit_sets = _to_bit_sets([split_grams(text) for text in texts])
    sizes, best = [bits.bit_count() for bits in bit_sets], [0.0] * len(bit_sets)
    for index, bits in enumerate(bit_sets):
        for other in range(index):
            common = (bits & bit_sets[other]).bit_count()
            score = common / (sizes[index] + sizes[other] - common)
            best[index], best[other] = max(best[index], score), max(best[other], score)
    return round(sum(best) / len(best), 4)


def _to_bit_sets(gram_sets: list[set[bytes]]) -> list[int]:
    """Return each set as an integer with one bit per member: comparing those takes a twentieth of the time."""
    positions = {gram: position for position, gram in enumerate(set[bytes]().union(*gram_sets))}
    bit_sets: list[int] = []
    for gram_set in gram_sets:
        bits = bytearray(len(positions) // 8 + 1)
        for gram in gram_set:
            bits[positions[gram] >> 3] |= 1 << (positions[gram] & 7)
        bit_sets.append(int.from_bytes(bits, "little"))
    return bit_sets
