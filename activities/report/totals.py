"""What the pass over all slots and calls adds up to, for the figures of the page."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from activities.report.ledger import Attempt
from activities.store import batch_files
from activities.store.plan_file import OpenPlan
from quire.outcome import Usage
from quire.slots import Slot

SHOWN_FAILED = 100
SHOWN_COVERED = 300
SHOWN_TWINS = 50
Row = dict[str, Any]


@dataclass
class Part:
    """A group of slots, and what became of it."""

    name: str
    target: int
    filled: int = 0
    failed: int = 0
    templates: int = 0
    twins: int = 0
    usage: Usage = field(default_factory=Usage)

    @property
    def open(self) -> int:
        """Slots that are neither filled nor given up."""
        return self.target - self.filled - self.failed


@dataclass
class Counts:
    """All of it; told of each planned batch's calls and of each slot, in order."""

    plan: OpenPlan
    parts: list[Part] = field(default_factory=list[Part])
    usage: Usage = field(default_factory=Usage)
    calls: int = 0
    again: int = 0
    """Calls beyond the first of their batch."""
    unanswered: int = 0
    """Attempts that gave no answer: rate limits, errors of the server, dropped connections."""
    reused: int = 0
    """Answers that an earlier run paid for."""
    simulated: bool = False
    reasons: Counter[str] = field(default_factory=Counter[str])
    """Why slots were open after a call, by the reason's first words."""
    failed: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    ends: dict[int, str] = field(default_factory=dict[int, str])
    """What became of the first slots whose items were twins, by number."""
    _last: int = 0
    _planned: Counter[str] = field(default_factory=Counter[str])
    _filled: Counter[str] = field(default_factory=Counter[str])

    def __post_init__(self) -> None:
        self._groups = iter(self.plan.recipe.groups(len(self.plan.slots)))

    @property
    def part(self) -> int:
        """Where the group of the last slot is in `parts`."""
        return len(self.parts) - 1

    def reach(self, number: int) -> None:
        """The slots from here on are those of the group that holds this one."""
        while number > self._last:
            group = next(self._groups)
            self._last += group.target
            self.parts.append(Part(group.name, group.target))

    def call(self, call: Attempt, *, first: bool) -> None:
        """A call for slots of the group that is reached."""
        tokens = {name: call["tokens"].get(name, 0) for name in Usage.model_fields if name.endswith("_tokens")}
        used = Usage() if call["reused"] else Usage(calls=1, cost_usd=call["cost_usd"], **tokens)
        self.parts[-1].usage = self.parts[-1].usage.plus(used)
        self.usage = self.usage.plus(used)
        self.calls += 1
        self.again += not first
        self.reused += call["reused"]
        self.unanswered += call.get("sent", 1) - 1
        self.reasons.update(str(said).partition(":")[0] for said in call["open"].values())

    def slot(self, slot: Slot, row: Row, found: batch_files.Row | None, twins: int) -> None:
        """A slot, with its row of the page, what the store holds for it, and how often that was a twin."""
        part = self.parts[-1]
        part.twins += twins
        if twins and len(self.ends) < SHOWN_TWINS:
            self.ends[slot.number] = row["state"]
        part.filled += row["state"] == "filled"
        part.failed += row["state"] == "failed"
        self.simulated = self.simulated or (found is not None and bool(found["provenance"].get("simulated")))
        part.templates += row.get("source") == "fallback"
        if row["state"] == "failed" and len(self.failed) < SHOWN_FAILED:
            self.failed.append({"slot": slot.key, "reason": row["reason"]})
        if self.plan.recipe.covering:
            self._planned.update(self.plan.recipe.touches(slot, None))
            if found is not None:
                self._filled.update(self.plan.recipe.touches(slot, found["item"]))

    def coverage(self) -> dict[str, Any] | None:
        """What the items together cover; what is covered least comes first where all would be too much."""
        if not (self._planned or self._filled):
            return None
        known = self.plan.recipe.to_cover()
        names = list(dict.fromkeys([*known, *self._planned, *self._filled]))
        rows = [_covered(name, known, self._planned[name], self._filled[name]) for name in names]
        bare = sum(row["filled"] == 0 for row in rows)
        shown = rows if len(rows) <= SHOWN_COVERED else sorted(rows, key=_share)[:SHOWN_COVERED]
        return {"word": self.plan.recipe.covering, "all": len(rows), "bare": bare, "rows": shown}


def _covered(name: str, known: Mapping[str, str], planned: int, filled: int) -> dict[str, Any]:
    return {"name": name, "said": known.get(name, "")[:300], "planned": planned, "filled": filled}


def _share(row: Mapping[str, Any]) -> float:
    return row["filled"] / max(1, row["planned"])


def total(parts: Iterable[Part], name: str) -> int:
    """A count of all groups together."""
    return sum(getattr(part, name) for part in parts)
