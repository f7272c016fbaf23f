"""Render the pages from their assets: styles, scripts, a charts library, and templates that escape all values."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import minijinja

_ASSETS = Path(__file__).with_name("assets")
_STYLES = ("vendor/uPlot.min.css", "page.css")
_SCRIPTS = ("vendor/uPlot.iife.min.js", "tools.js", "data.js", "charts.js", "calls.js", "items.js", "page.js")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def render_head(title: str) -> str:
    """Return everything before the rows."""
    return _render("head.html", title=title, styles=_read_assets(_STYLES), policy=_policy())


def render_body(values: Mapping[str, Any]) -> str:
    """Return everything after the rows; some of the values are for the scripts, too."""
    script_values = {name: values[name] for name in ("noun", "target", "verdict", "group_word")}
    script_values["groups"] = [group["name"] for group in values["groups"]]
    facts, scripts = dump_for_script(script_values), _read_assets(_SCRIPTS)
    return _render("body.html", **values, facts=facts, scripts=scripts)


def render_static_page(name: str, **values: Any) -> str:
    """Return a page without rows and scripts, from the template of this name."""
    return render_head(values["title"]) + _render(name, **values)


def _render(name: str, **values: Any) -> str:
    """Return a rendered template. Control characters, which HTML does not allow, are replaced."""
    return _CONTROL.sub("\ufffd", _environment().render_template(name, **values))


def dump_for_script(value: Any) -> str:
    """Return JSON that is safe inside a script element, whatever its texts contain."""
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
        filters={"n": format_number, "usd": format_usd, "share": format_share, "span": format_span},
    )


def _read_assets(names: tuple[str, ...]) -> list[str]:
    return [_read_asset(name) for name in names]


@lru_cache
def _read_asset(name: str) -> str:
    return (_ASSETS / name).read_text("utf-8")


def _policy() -> str:
    """Return the Content Security Policy: only the page's own scripts and styles apply, and nothing is fetched."""
    scripts, styles = (" ".join(_hash(text) for text in _read_assets(names)) for names in (_SCRIPTS, _STYLES))
    return f"default-src 'none'; script-src {scripts}; style-src {styles}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def format_number(value: float | None) -> str:
    """Return a count like `12,345`; `?` if unknown."""
    return "?" if value is None else f"{value:,}"


def format_usd(value: float | None) -> str:
    """Return a cost like `$0.0123`."""
    return "unknown price" if value is None else f"${value:,.4f}"


def format_share(value: float | None) -> str:
    """Return a share like `12.3%`; empty if unknown."""
    return "" if value is None else f"{value:.1%}"


def format_span(seconds: float | None) -> str:
    """Return a duration like `2.2 s`, `3 min 5 s` or `2 h 3 min`; `?` if unknown."""
    if seconds is None:
        return "?"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, remainder = divmod(round(seconds), 60)
    return f"{minutes} min {remainder} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
