"""The preview as `check` prints it: the plan, what it may take, reused answers, and the first prompts."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from rich.table import Table

from quire.request import SIMULATOR
from runtime.preview.preview import SHOWN_ROWS, Preview
from runtime.text.terminal import TextConsole


def print_preview(preview: Preview, console: TextConsole) -> None:
    """Print the whole preview."""
    console.print(_format_title(preview))
    shows_groups = preview["groups"] and preview["batch_count"] > SHOWN_ROWS
    console.print(_build_group_table(preview) if shows_groups else _build_batch_table(preview))
    for name, value in preview["expected"].items():
        console.print(f"{name}: {value}")
    console.print("expected, from a low end to a high one:")
    console.print(_build_estimate_table(preview))
    for line in _list_remarks(preview):
        console.print(line)
    for prompt in preview.get("prompts", ()):
        _print_prompt(prompt, preview["endpoint"], console)


def _format_title(preview: Preview) -> str:
    count = preview["batch_count"]
    batches = "1 batch" if count == 1 else f"{count:,} batches"
    plan = f"{preview['recipe']}: {preview['target']:,} {preview['noun']} in {batches}"
    return f"{plan} with {preview['model']} ({preview['endpoint']})"


def _list_remarks(preview: Preview) -> Iterator[str]:
    estimate, budget = preview["estimate"], preview["budget"]
    yield f"low: {estimate['low_means']}."
    yield f"high: {estimate['high_means']}."
    if preview["endpoint"] == SIMULATOR:
        yield "cost: at list price; without an endpoint the offline simulator answers, and nothing is paid."
    if budget:
        yield f"budget: {budget['said']}: {budget['verdict']}"
    yield _format_reuse(preview)
    for warning in preview["warnings"]:
        yield f"warning: {warning}"


def _build_batch_table(preview: Preview) -> Table:
    rows = preview["batches"]
    has_coverage = any(row["covers"] for row in rows)
    table = Table()
    for name in ("batch", "size"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("slots", *(["covers"] if has_coverage else [])):
        table.add_column(name, overflow="fold")
    for row in rows[:SHOWN_ROWS]:
        slots = row["slots"] + (" (in the store)" if row["reused"] else "")
        covers = [_shorten_names(row["covers"])] if has_coverage else []
        table.add_row(str(row["batch"]), str(row["size"]), slots, *covers)
    if preview["batch_count"] > SHOWN_ROWS:
        table.add_row("…", "", f"{preview['batch_count'] - SHOWN_ROWS:,} more")
    return table


def _shorten_names(names: list[str]) -> str:
    return ", ".join(names) if len(names) < 4 else f"{names[0]} to {names[-1]} ({len(names)})"


def _build_group_table(preview: Preview) -> Table:
    groups = preview["groups"]
    table = Table()
    table.add_column(preview["group_word"].lower() or "group", overflow="fold")
    for name in (preview["noun"], "batches"):
        table.add_column(name, justify="right", no_wrap=True)
    for group in groups[:SHOWN_ROWS]:
        table.add_row(group["name"], f"{group['target']:,}", f"{group['batches']:,}")
    others = groups[SHOWN_ROWS:]
    if others:
        items, batches = (sum(group[name] for group in others) for name in ("target", "batches"))
        table.add_row(f"… {len(others):,} more", f"{items:,}", f"{batches:,}")
    return table


def _build_estimate_table(preview: Preview) -> Table:
    """Return calls, tokens and cost of each kind of call, and of all together."""
    table, estimate = Table(show_footer=True), preview["estimate"]
    table.add_column("", "together", overflow="fold")
    for name, title in (("calls", "calls"), ("prompt_tokens", "tokens in"), ("completion_tokens", "tokens out")):
        table.add_column(title, _format_range(estimate[name], _format_short), justify="right", no_wrap=True)
    table.add_column("cost", _format_cost(estimate["cost_usd"]), justify="right", no_wrap=True)
    for part in estimate["parts"]:
        names = ("calls", "prompt_tokens", "completion_tokens")
        counts = (_format_range(part[name], _format_short) for name in names)
        model = f", {part['model']}" if part["model"] != preview["model"] else ""
        table.add_row(part["part"] + model, *counts, _format_cost(part["cost_usd"]))
    return table


def _format_range(span: dict[str, float], format_number: Callable[[float], str]) -> str:
    low, high = format_number(span["low"]), format_number(span["high"])
    return low if low == high else f"{low} to {high}"


def _format_short(count: float) -> str:
    """Return a count in a few characters: `950`, `1.2k`, `31.2k`, `310k`, `4.0M`."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:,.1f}{letter}" if count < 100 * size else f"{count / size:,.0f}{letter}"
    return f"{count:,.0f}"


def _format_cost(span: dict[str, float] | None) -> str:
    return "unknown" if span is None else f"${_format_range(span, _format_dollars)}"


def _format_dollars(usd: float) -> str:
    return f"{usd:,.2f}" if usd >= 1 or not usd else f"{usd:.4f}" if usd < 0.1 else f"{usd:.3f}"


def _format_reuse(preview: Preview) -> str:
    """Return what earlier runs have already paid for, in words."""
    reuse = preview["reuse"]
    if reuse["why"]:
        return f"reused from the store: not known: {reuse['why']}"
    if not reuse["batches"]:
        return "reused from the store: nothing" + _format_sample(reuse)
    runs = f" of {', '.join(reuse['runs'][:3])}{' and others' if len(reuse['runs']) > 3 else ''}"
    counts = f"{reuse['batches']:,} batches with {reuse['items']:,} {preview['noun']} have an answer{runs}"
    return f"reused from the store: {counts}{_format_sample(reuse)}; they are not paid for again"


def _format_sample(reuse: dict[str, Any]) -> str:
    if reuse["looked_at"] == reuse["of"]:
        return ""
    return f" among {reuse['looked_at']:,} of {reuse['of']:,} batches that were searched for"


def _print_prompt(prompt: dict[str, Any], endpoint: str, console: TextConsole) -> None:
    """Print the body of a call: its messages as plain text, then everything else as JSON."""
    body = prompt["body"]
    note = f", {prompt['note']}" if prompt.get("note") else ""
    console.rule(f"{prompt['call']} to {endpoint}{note}", align="left", characters="═")
    for message in body["messages"]:
        console.rule(message["role"], align="left")
        console.print(message["content"], soft_wrap=True)
    console.rule("and the rest of the body", align="left")
    others = {key: value for key, value in body.items() if key != "messages"}
    console.print(json.dumps(others, ensure_ascii=False, indent=2), soft_wrap=True)
