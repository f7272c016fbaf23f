"""The totals of all slots and calls, for the figures of the page."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from activities.report.call_notes import CallNote
from activities.store.batch_files import Row
from activities.store.plan_file import OpenPlan
from quire.outcome import Usage
from quire.slots import Slot

MAX_FAILED = 100
MAX_COVERED = 300
MAX_DUPLICATES = 50
"""Rows of the page's tables; the counts above them are complete."""


@dataclass
class GroupTotals:
    """The totals of a group of slots."""

    name: str
    target: int
    filled: int = 0
    failed: int = 0
    templates: int = 0
    duplicates: int = 0
    usage: Usage = field(default_factory=Usage)

    @property
    def open(self) -> int:
        """Slots that are neither filled nor failed."""
        return self.target - self.filled - self.failed


@dataclass
class RunTotals:
    """The totals of a run. Each planned batch's calls, then its slots, must be added in plan order."""

    plan: OpenPlan
    groups: list[GroupTotals] = field(default_factory=list[GroupTotals])
    usage: Usage = field(default_factory=Usage)
    calls: int = 0
    repeat_calls: int = 0
    """Calls beyond the first of their batch."""
    unanswered: int = 0
    """Attempts without an answer: rate limits, server errors, dropped connections."""
    reused: int = 0
    """Answers that an earlier run paid for."""
    simulated: bool = False
    reasons: Counter[str] = field(default_factory=Counter[str])
    """How often slots were open after a call, by the first words of the reason."""
    failed: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    """The first failed slots."""
    states: dict[int, str] = field(default_factory=dict[int, str])
    """The state of the first slots that had a duplicate, by number."""
    _last_slot: int = 0
    _planned: Counter[str] = field(default_factory=Counter[str])
    _filled: Counter[str] = field(default_factory=Counter[str])

    def __post_init__(self) -> None:
        self._planned_groups = iter(self.plan.recipe.groups(len(self.plan.slots)))

    @property
    def group_index(self) -> int:
        """The position in `groups` of the current group."""
        return len(self.groups) - 1

    def enter_group(self, number: int) -> None:
        """Make the group of this slot the current one."""
        while number > self._last_slot:
            group = next(self._planned_groups)
            self._last_slot += group.target
            self.groups.append(GroupTotals(group.name, group.target))

    def add_call(self, note: CallNote, *, is_first: bool) -> None:
        """Add a call for slots of the current group. `is_first` is True for the first call of a planned batch."""
        tokens = {name: note["tokens"].get(name, 0) for name in Usage.model_fields if name.endswith("_tokens")}
        usage = Usage() if note["reused"] else Usage(calls=1, cost_usd=note["cost_usd"], **tokens)
        self.groups[-1].usage = self.groups[-1].usage.plus(usage)
        self.usage = self.usage.plus(usage)
        self.calls += 1
        self.repeat_calls += not is_first
        self.reused += note["reused"]
        self.unanswered += note.get("sent", 1) - 1
        self.reasons.update(str(reason).partition(":")[0] for reason in note["open"].values())

    def add_slot(self, slot: Slot, page_row: Mapping[str, Any], row: Row | None, duplicates: int) -> None:
        """Add a slot of the current group: its row of the page, its stored item, and its number of duplicates."""
        group, state = self.groups[-1], page_row["state"]
        group.duplicates += duplicates
        if duplicates and len(self.states) < MAX_DUPLICATES:
            self.states[slot.number] = state
        group.filled += state == "filled"
        group.failed += state == "failed"
        self.simulated = self.simulated or (row is not None and bool(row["provenance"].get("simulated")))
        group.templates += page_row.get("source") == "fallback"
        if state == "failed" and len(self.failed) < MAX_FAILED:
            self.failed.append({"slot": slot.key, "reason": page_row["reason"]})
        if self.plan.recipe.coverage_word:
            self._planned.update(self.plan.recipe.covered_ids(slot, None))
            if row is not None:
                self._filled.update(self.plan.recipe.covered_ids(slot, row["item"]))

    def build_coverage(self) -> dict[str, Any] | None:
        """Return what the items cover, the least covered first if not all fit; None if nothing is to be covered."""
        if not (self._planned or self._filled):
            return None
        texts = self.plan.recipe.required_ids()
        names = list(dict.fromkeys([*texts, *self._planned, *self._filled]))
        rows = [
            {
                "name": name,
                "said": texts.get(name, "")[:300],
                "planned": self._planned[name],
                "filled": self._filled[name],
            }
            for name in names
        ]
        bare = sum(row["filled"] == 0 for row in rows)
        visible = rows if len(rows) <= MAX_COVERED else sorted(rows, key=_covered_share)[:MAX_COVERED]
        return {"word": self.plan.recipe.coverage_word, "all": len(rows), "bare": bare, "rows": visible}


def _covered_share(row: Mapping[str, Any]) -> float:
    return row["filled"] / max(1, row["planned"])


def sum_over_groups(groups: Iterable[GroupTotals], name: str) -> int:
    """Return the sum of a count over all groups."""
    return sum(getattr(group, name) for group in groups)
