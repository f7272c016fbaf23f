"""Two runs side by side: what came of each, and the settings in which they differ."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from activities.report import template

Facts = Mapping[str, Any]
_COUNTS = ("verdict", "target", "items", "failed_total", "open_total", "fallbacks", "rounds", "seconds", "simulated")
_MORE = ("id", "recipe", "noun", "again", "unanswered", "reused", "twins_total", "usage", "models")


@dataclass(frozen=True)
class Line:
    """A figure or a setting of both."""

    name: str
    one: str
    other: str

    @property
    def differs(self) -> bool:
        """Whether they are not the same."""
        return self.one != self.other


def figures(one: Facts, other: Facts) -> list[Line]:
    """What came of each, at what cost."""
    told = [_told(facts) for facts in (one, other)]
    return [Line(name, told[0][name], told[1][name]) for name in told[0]]


def differing(one: Facts, other: Facts) -> list[Line]:
    """The settings that are not the same; one that is not there is -."""
    ours, theirs = one["settings"], other["settings"]
    names = dict.fromkeys([*ours, *theirs])
    lines = [Line(name, ours.get(name, "-"), theirs.get(name, "-")) for name in names]
    return [line for line in lines if line.differs]


def dumped(one: Facts, other: Facts) -> dict[str, Any]:
    """Both as JSON has them."""
    runs = [{name: facts[name] for name in (*_MORE, *_COUNTS)} for facts in (one, other)]
    return {"runs": runs, "settings": [asdict(line) for line in differing(one, other)]}


def page(one: Facts, other: Facts) -> str:
    """Both as a page."""
    title = f"{one['id']} and {other['id']}"
    return template.page(
        "pair.html", title=title, one=one, other=other, figures=figures(one, other), settings=differing(one, other)
    )


def _told(facts: Facts) -> dict[str, str]:
    usage = facts["usage"]
    number = template.number
    return {
        "recipe": facts["recipe"],
        "verdict": facts["verdict"] + (" (simulated)" if facts["simulated"] else ""),
        "items": f"{number(facts['items'])} of {number(facts['target'])} {facts['noun']}",
        "failed": number(facts["failed_total"]),
        "not filled yet": number(facts["open_total"]),
        "from templates": number(facts["fallbacks"]),
        "calls": number(usage["calls"]),
        "asked again": number(facts["again"]),
        "sent again": number(facts["unanswered"]),
        "reused answers": number(facts["reused"]),
        "rounds": number(facts["rounds"]),
        "duplicates rejected": number(facts["twins_total"]),
        "tokens in": number(usage["prompt_tokens"]),
        "of them cached": number(usage["cached_tokens"]) + _share(facts["cached"]),
        "tokens out": number(usage["completion_tokens"]),
        "of them thinking": number(usage["reasoning_tokens"]),
        "cost": template.usd(usage["cost_usd"]),
        "cost of an item": template.usd(_each(usage["cost_usd"], facts["items"])),
        "time": template.span(facts["seconds"]),
        "models": ", ".join(_names(facts["models"])) or "?",
    }


def _share(cached: float | None) -> str:
    return f" ({template.share(cached)})" if cached else ""


def _each(cost: float | None, items: int) -> float | None:
    return cost / items if cost is not None and items else None


def _names(models: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(model["name"]) for model in models]
