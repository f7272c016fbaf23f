"""What the page says in words and figures, gathered from the run, the plan and the counts."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import Any

from activities.report import settings_rows
from activities.report.totals import SHOWN_TWINS, Counts, total
from activities.store.plan_file import OpenPlan
from quire.outcome import Usage

_VERDICTS = {
    "complete": "every slot is filled",
    "partial": "some slots gave up, each with its reason",
    "failed": "no slot was filled",
    "cancelled": "stopped by a person; what was there is bound",
    "live": "not ended: this is what was there when this page was written",
}
Twins = Mapping[int, list[dict[str, Any]]]


def gathered(
    plan: OpenPlan, said: Mapping[str, Any], counts: Counts, twins: Twins, now: datetime | None
) -> dict[str, Any]:
    """The page's values; `now` is when the page of a live run is made."""
    usage = Usage.model_validate(said["usage"]) if said.get("usage") else counts.usage
    verdict = said.get("verdict") or "live"
    return {
        "id": plan.store.workflow_id,
        "recipe": plan.request.recipe,
        "noun": plan.recipe.noun,
        "verdict": verdict,
        "means": _VERDICTS[verdict],
        "made": now.isoformat(sep=" ", timespec="seconds").removesuffix("+00:00") + " UTC" if now else "",
        "line": said.get("line", ""),
        "target": len(plan.slots),
        "items": total(counts.parts, "filled"),
        "failed_total": total(counts.parts, "failed"),
        "open_total": total(counts.parts, "open"),
        "fallbacks": total(counts.parts, "templates"),
        "failed": counts.failed,
        "batches": (said.get("batches") or {}) | {"planned": len(plan.sizes)},
        "rounds": said.get("rounds"),
        "seconds": said.get("seconds"),
        "usage": usage.model_dump(),
        "cached": usage.cached_tokens / usage.prompt_tokens if usage.prompt_tokens else None,
        "calls": counts.calls,
        "again": counts.again,
        "unanswered": counts.unanswered,
        "reasons": counts.reasons.most_common(),
        "reused": counts.reused,
        "models": [{"name": name, **used} for name, used in (said.get("models") or {}).items()],
        "simulated": said.get("simulated") or counts.simulated,
        "warnings": [*said.get("warnings", ()), *said.get("problems", ())],
        "group_word": plan.recipe.group_word,
        "groups": [asdict(part) | {"open": part.open, "usage": part.usage.model_dump()} for part in counts.parts],
        "coverage": counts.coverage(),
        "method": plan.request.duplicates.method,
        "twins": list(_shown(plan, twins, counts.ends)),
        "twins_total": sum(map(len, twins.values())),
        "by_round": sorted(Counter(twin["round"] for rows in twins.values() for twin in rows).items()),
        "diversity": said.get("diversity", []),
        "settings": settings_rows.rows(plan.request),
        "artifact": settings_rows.without_secrets(said.get("artifact") or ""),
    }


def _shown(plan: OpenPlan, twins: Twins, ends: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    """The first twins, in slot order, with what became of their slots."""
    every = ((number, twin) for number in sorted(twins) for twin in twins[number])
    for number, twin in islice(every, SHOWN_TWINS):
        became = "kept: the least like of its candidates" if "kept" in twin else ends.get(number, "")
        yield {**twin, "slot": plan.slots[number - 1].key, "became": became}
