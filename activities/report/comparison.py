"""Two runs side by side: results, cost, and the settings in which they differ."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from activities.report import template

PageValues = Mapping[str, Any]
"""The values of a run's page, as `page.gather_values` returns them."""
_COUNTS = ("verdict", "target", "items", "failed_total", "open_total", "fallbacks", "rounds", "seconds", "simulated")


@dataclass(frozen=True)
class ComparedValue:
    """A figure or a setting of both runs."""

    name: str
    one: str
    other: str

    @property
    def differs(self) -> bool:
        """True if the two runs have different values."""
        return self.one != self.other


def list_figures(first: PageValues, second: PageValues) -> list[ComparedValue]:
    """Return the results and costs of both runs."""
    first_texts, second_texts = _format_figures(first), _format_figures(second)
    return [ComparedValue(name, first_texts[name], second_texts[name]) for name in first_texts]


def list_differences(first: PageValues, second: PageValues) -> list[ComparedValue]:
    """Return the settings that differ; `-` stands for a setting that a run does not have."""
    first_settings, second_settings = first["settings"], second["settings"]
    names = dict.fromkeys([*first_settings, *second_settings])
    values = [ComparedValue(name, first_settings.get(name, "-"), second_settings.get(name, "-")) for name in names]
    return [value for value in values if value.differs]


def to_json(first: PageValues, second: PageValues) -> dict[str, Any]:
    """Return the comparison as `compare --json` prints it."""
    differences = [asdict(value) for value in list_differences(first, second)]
    return {"runs": [_select_figures(first), _select_figures(second)], "settings": differences}


def render_comparison(first: PageValues, second: PageValues) -> str:
    """Return the comparison as an HTML page."""
    title = f"{first['id']} and {second['id']}"
    figures, settings = list_figures(first, second), list_differences(first, second)
    return template.render_static_page(
        "comparison.html", title=title, one=first, other=second, figures=figures, settings=settings
    )


def _select_figures(run: PageValues) -> dict[str, Any]:
    names = ("id", "recipe", "noun", "again", "unanswered", "reused")
    return (
        {name: run[name] for name in names}
        | {"twins_total": run["duplicates_total"], "usage": run["usage"], "models": run["models"]}
        | {name: run[name] for name in _COUNTS}
    )


def _format_figures(run: PageValues) -> dict[str, str]:
    usage = run["usage"]
    number = template.format_number
    cached = f" ({template.format_share(run['cached'])})" if run["cached"] else ""
    return {
        "recipe": run["recipe"],
        "verdict": run["verdict"] + (" (simulated)" if run["simulated"] else ""),
        "items": f"{number(run['items'])} of {number(run['target'])} {run['noun']}",
        "failed": number(run["failed_total"]),
        "not filled yet": number(run["open_total"]),
        "from templates": number(run["fallbacks"]),
        "calls": number(usage["calls"]),
        "asked again": number(run["again"]),
        "sent again": number(run["unanswered"]),
        "reused answers": number(run["reused"]),
        "rounds": number(run["rounds"]),
        "duplicates rejected": number(run["duplicates_total"]),
        "tokens in": number(usage["prompt_tokens"]),
        "of them cached": number(usage["cached_tokens"]) + cached,
        "tokens out": number(usage["completion_tokens"]),
        "of them thinking": number(usage["reasoning_tokens"]),
        "cost": template.format_usd(usage["cost_usd"]),
        "cost of an item": template.format_usd(_cost_per_item(usage["cost_usd"], run["items"])),
        "time": template.format_span(run["seconds"]),
        "models": ", ".join(str(model["name"]) for model in run["models"]) or "?",
    }


def _cost_per_item(cost: float | None, items: int) -> float | None:
    return cost / items if cost is not None and items else None
