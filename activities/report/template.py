"""The page's own files put together: style, scripts, charts library, and the templates, which escape what they show."""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import minijinja

_ASSETS = Path(__file__).with_name("assets")
_STYLES = ("vendor/uPlot.min.css", "page.css")
_SCRIPTS = ("vendor/uPlot.iife.min.js", "tools.js", "data.js", "charts.js", "calls.js", "items.js", "page.js")


def head(title: str) -> str:
    """All that goes before the rows."""
    return _environment().render_template("head.html", title=title, styles=_texts(_STYLES), policy=_policy())


def body(facts: Mapping[str, Any]) -> str:
    """All that goes after them."""
    shown = {name: facts[name] for name in ("noun", "target", "verdict", "group_word")}
    groups = [group["name"] for group in facts["groups"]]
    return _environment().render_template(
        "body.html", **facts, facts=dumped(shown | {"groups": groups}), scripts=_texts(_SCRIPTS)
    )


def page(name: str, **values: Any) -> str:
    """A page without rows and scripts."""
    opening = head(values["title"])
    return opening + _environment().render_template(name, **values)


def dumped(value: Any) -> str:
    """JSON as it may stand inside a script element, whatever its texts hold."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.translate({ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"})


@lru_cache(maxsize=1)
def _environment() -> minijinja.Environment:
    return minijinja.Environment(
        templates={file.name: file.read_text("utf-8") for file in _ASSETS.glob("*.html")},
        undefined_behavior="strict",
        trim_blocks=True,
        lstrip_blocks=True,
        auto_escape_callback=lambda _: True,
        filters={"n": number, "usd": usd, "share": share, "span": span},
    )


def _texts(names: tuple[str, ...]) -> list[str]:
    return [_text(name) for name in names]


@lru_cache
def _text(name: str) -> str:
    return (_ASSETS / name).read_text("utf-8")


def _policy() -> str:
    """Only what is written here runs, and nothing is fetched."""
    scripts, styles = (" ".join(_hash(text) for text in _texts(names)) for names in (_SCRIPTS, _STYLES))
    return f"default-src 'none'; script-src {scripts}; style-src {styles}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def number(value: float | None) -> str:
    """`12,345`."""
    return "?" if value is None else f"{value:,}"


def usd(value: float | None) -> str:
    """`$0.0123`."""
    return "unknown price" if value is None else f"${value:,.4f}"


def share(value: float | None) -> str:
    """`12.3%`."""
    return "" if value is None else f"{value:.1%}"


def span(seconds: float | None) -> str:
    """`2.2 s`, `3 min 5 s`, `2 h 3 min`."""
    if seconds is None:
        return "?"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
