"""The values of the page's template: words and figures from the run's report, the plan and the totals."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import Any

from activities.report import settings_rows
from activities.report.ledger import Duplicates
from activities.report.totals import MAX_DUPLICATES, RunTotals, sum_over_groups
from activities.store.plan_file import OpenPlan
from quire.outcome import Usage

_VERDICTS = {
    "complete": "every slot is filled",
    "partial": "some slots failed, each with its reason",
    "failed": "no slot was filled",
    "cancelled": "stopped by a person; the artifact holds what was finished",
    "live": "still running: this page shows what was finished when it was written",
}


def build_page_values(
    plan: OpenPlan, report: Mapping[str, Any], totals: RunTotals, duplicates: Duplicates, now: datetime | None
) -> dict[str, Any]:
    """Return the page's values. `now` is when the page of a live run is written; None if the run has ended."""
    usage = Usage.model_validate(report["usage"]) if report.get("usage") else totals.usage
    verdict = report.get("verdict") or "live"
    return {
        "id": plan.store.workflow_id,
        "recipe": plan.request.recipe,
        "noun": plan.recipe.noun,
        "verdict": verdict,
        "means": _VERDICTS[verdict],
        "made": now.isoformat(sep=" ", timespec="seconds").removesuffix("+00:00") + " UTC" if now else "",
        "line": report.get("line", ""),
        "target": len(plan.slots),
        "items": sum_over_groups(totals.groups, "filled"),
        "failed_total": sum_over_groups(totals.groups, "failed"),
        "open_total": sum_over_groups(totals.groups, "open"),
        "fallbacks": sum_over_groups(totals.groups, "templates"),
        "failed": totals.failed,
        "batches": (report.get("batches") or {}) | {"planned": len(plan.sizes)},
        "rounds": report.get("rounds"),
        "seconds": report.get("seconds"),
        "usage": usage.model_dump(),
        "cached": usage.cached_tokens / usage.prompt_tokens if usage.prompt_tokens else None,
        "calls": totals.calls,
        "again": totals.repeat_calls,
        "unanswered": totals.unanswered,
        "reasons": totals.reasons.most_common(),
        "reused": totals.reused,
        "models": [{"name": name, **used} for name, used in (report.get("models") or {}).items()],
        "simulated": report.get("simulated") or totals.simulated,
        "warnings": [*report.get("warnings", ()), *report.get("problems", ())],
        "group_word": plan.recipe.group_word,
        "groups": [asdict(group) | {"open": group.open, "usage": group.usage.model_dump()} for group in totals.groups],
        "coverage": totals.build_coverage(),
        "method": plan.request.duplicates.method,
        "duplicates": list(_iter_duplicates(plan, duplicates, totals.states)),
        "duplicates_total": sum(map(len, duplicates.values())),
        "by_round": sorted(Counter(entry["round"] for entries in duplicates.values() for entry in entries).items()),
        "diversity": report.get("diversity", []),
        "settings": settings_rows.list_settings(plan.request),
        "artifact": settings_rows.remove_secrets(report.get("artifact") or ""),
    }


def _iter_duplicates(plan: OpenPlan, duplicates: Duplicates, states: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    """Yield the first duplicates, in slot order, with what became of their slots."""
    pairs = ((number, duplicate) for number in sorted(duplicates) for duplicate in duplicates[number])
    for number, duplicate in islice(pairs, MAX_DUPLICATES):
        result = "kept: the least similar of its candidates" if "kept" in duplicate else states.get(number, "")
        yield {**duplicate, "slot": plan.slots[number - 1].key, "became": result}
