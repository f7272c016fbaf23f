"""What `check` prints for a person: the plan, what it may take, what is there already, and the first prompts."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from activities.model.endpoints import SIMULATOR
from runtime.preview.preview import SHOWN

Told = dict[str, Any]


def show(told: Told, console: Console) -> None:
    """All of it, in the order in which it is asked for."""
    console.print(_title(told), markup=False)
    console.print(_groups(told) if told["groups"] and told["batch_count"] > SHOWN else _batches(told))
    for name, value in told["expected"].items():
        console.print(f"{name}: {value}", markup=False)
    console.print("expected, from a low end to a high one:")
    console.print(_amounts(told))
    for line in _words(told):
        console.print(line, markup=False)
    for prompt in told.get("prompts", ()):
        _prompt(prompt, told["endpoint"], console)


def _title(told: Told) -> str:
    count = told["batch_count"]
    batches = "1 batch" if count == 1 else f"{count:,} batches"
    made = f"{told['recipe']}: {told['target']:,} {told['noun']} in {batches}"
    return f"{made} with {told['model']} ({told['endpoint']})"


def _words(told: Told) -> Iterator[str]:
    estimate, budget = told["estimate"], told["budget"]
    yield f"low: {estimate['low_means']}."
    yield f"high: {estimate['high_means']}."
    if told["endpoint"] == SIMULATOR:
        yield "cost: at list price; where no endpoint is set the offline simulator answers, and nothing is paid."
    if budget:
        yield f"budget: {budget['said']}: {budget['verdict']}"
    yield _store(told)
    for warning in told["warnings"]:
        yield f"warning: {warning}"


def _batches(told: Told) -> Table:
    rows = told["batches"]
    covering = any(row["covers"] for row in rows)
    table = Table()
    for name in ("batch", "size"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("slots", *(["covers"] if covering else [])):
        table.add_column(name, overflow="fold")
    for row in rows[:SHOWN]:
        slots = escape(row["slots"]) + (" (in the store)" if row["reused"] else "")
        table.add_row(
            str(row["batch"]), str(row["size"]), slots, *([escape(_covers(row["covers"]))] if covering else [])
        )
    if told["batch_count"] > SHOWN:
        table.add_row("…", "", f"{told['batch_count'] - SHOWN:,} more")
    return table


def _covers(names: list[str]) -> str:
    return ", ".join(names) if len(names) < 4 else f"{names[0]} to {names[-1]} ({len(names)})"


def _groups(told: Told) -> Table:
    groups = told["groups"]
    table = Table()
    table.add_column(told["group_word"].lower() or "group", overflow="fold")
    for name in (told["noun"], "batches"):
        table.add_column(name, justify="right", no_wrap=True)
    for group in groups[:SHOWN]:
        table.add_row(escape(group["name"]), f"{group['target']:,}", f"{group['batches']:,}")
    rest = groups[SHOWN:]
    if rest:
        items, batches = (sum(group[name] for group in rest) for name in ("target", "batches"))
        table.add_row(f"… {len(rest):,} more", f"{items:,}", f"{batches:,}")
    return table


def _amounts(told: Told) -> Table:
    """Calls, tokens and cost of each kind of call, and together."""
    table, estimate = Table(show_footer=True), told["estimate"]
    table.add_column("", "together", overflow="fold")
    for name, title in (("calls", "calls"), ("prompt_tokens", "tokens in"), ("completion_tokens", "tokens out")):
        table.add_column(title, _span(estimate[name], _short), justify="right", no_wrap=True)
    table.add_column("cost", _cost(estimate["cost_usd"]), justify="right", no_wrap=True)
    for part in estimate["parts"]:
        counts = (_span(part[name], _short) for name in ("calls", "prompt_tokens", "completion_tokens"))
        other = f", {part['model']}" if part["model"] != told["model"] else ""
        table.add_row(escape(part["part"] + other), *counts, _cost(part["cost_usd"]))
    return table


def _span(ends: dict[str, float], said: Callable[[float], str]) -> str:
    low, high = said(ends["low"]), said(ends["high"])
    return low if low == high else f"{low} to {high}"


def _short(count: float) -> str:
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:,.1f}{letter}" if count < 100 * size else f"{count / size:,.0f}{letter}"
    return f"{count:,.0f}"


def _cost(ends: dict[str, float] | None) -> str:
    return "unknown" if ends is None else f"${_span(ends, _dollars)}"


def _dollars(value: float) -> str:
    return f"{value:,.2f}" if value >= 1 or not value else f"{value:.4f}" if value < 0.1 else f"{value:.3f}"


def _store(told: Told) -> str:
    """What an earlier run paid for already."""
    reuse = told["reuse"]
    if reuse["why"]:
        return f"reused from the store: not known: {reuse['why']}"
    if not reuse["batches"]:
        return "reused from the store: nothing" + _part(reuse)
    runs = f" of {', '.join(reuse['runs'][:3])}{' and others' if len(reuse['runs']) > 3 else ''}"
    found = f"{reuse['batches']:,} batches with {reuse['items']:,} {told['noun']} have an answer{runs}"
    return f"reused from the store: {found}{_part(reuse)}; they are not paid for again"


def _part(reuse: Told) -> str:
    if reuse["looked_at"] == reuse["of"]:
        return ""
    return f" among the {reuse['looked_at']:,} batches that were looked at, of {reuse['of']:,}"


def _prompt(prompt: Told, endpoint: str, console: Console) -> None:
    """A call's body: its texts as they are, then everything else."""
    body = prompt["body"]
    note = f", {prompt['note']}" if prompt.get("note") else ""
    console.rule(escape(f"{prompt['call']} to {endpoint}{note}"), align="left", characters="═")
    for message in body["messages"]:
        console.rule(message["role"], align="left")
        console.print(message["content"], markup=False, soft_wrap=True)
    console.rule("and the rest of the body", align="left")
    rest = {key: value for key, value in body.items() if key != "messages"}
    console.print(json.dumps(rest, ensure_ascii=False, indent=2), markup=False, soft_wrap=True)
