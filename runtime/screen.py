"""What a person reads: notes on standard error, results and JSON on standard output."""

import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from activities.price import list_price
from quire.outcome import Usage
from recipes.spine import Around
from runtime.request_file import Checked
from runtime.words import wrapped

_CHARACTERS_PER_TOKEN = 4
SHOWN_BATCHES = 20
SHOWN_GROUPS = 20


def note(text: str) -> None:
    """A line that is not part of the result."""
    if sys.stderr.isatty():
        text = wrapped(text, Console(stderr=True).width)
    print(text, file=sys.stderr, flush=True)


def print_json(value: object) -> None:
    """JSON and nothing else."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_line(value: object) -> None:
    """JSON in one line, which another may follow."""
    print(json.dumps(value, ensure_ascii=False, default=str), flush=True)


def rows(found: list[dict[str, Any]], *, empty: str) -> None:
    """A plain table."""
    if not found:
        print(empty)
        return
    shown = Table(*found[0])
    for row in found:
        shown.add_row(*map(str, row.values()))
    Console(highlight=False).print(shown)


def expectation(checked: Checked) -> dict[str, Any]:
    """What a run of this request would be: batches, slots and expected tokens, by estimate."""
    plan, request = checked.plan, checked.plan.request
    batches: list[dict[str, Any]] = []
    start = 0
    for number, size in enumerate(plan.sizes, 1):
        slots = plan.slots[start : start + size]
        prompt = len(plan.recipe.system()) + len(plan.recipe.task(slots, Around()))
        prompt += len(json.dumps(plan.recipe.item_schema(slots)))
        batches.append(
            {
                "batch": number,
                "slots": slots[0].key if size == 1 else f"{slots[0].key} to {slots[-1].key}",
                "size": size,
                "covers": list(dict.fromkeys(name for slot in slots for name in slot.covers)),
                "prompt_tokens": prompt // _CHARACTERS_PER_TOKEN,
                "completion_tokens": size * request.batching.tokens_per_item,
            }
        )
        start += size
    return {
        "recipe": request.recipe,
        "target": len(plan.slots),
        "noun": plan.recipe.noun,
        "model": request.generator.name,
        "group_word": plan.recipe.group_word,
        "groups": {group.name: group.target for group in plan.groups},
        "expected": plan.recipe.expected(),
        "batches": batches,
        "prompt_tokens": sum(batch["prompt_tokens"] for batch in batches),
        "completion_tokens": sum(batch["completion_tokens"] for batch in batches),
        "cost_usd": list_price(request.generator.name, _usage(batches)),
        "warnings": plan.warnings,
    }


def _usage(batches: list[dict[str, Any]]) -> Usage:
    return Usage(
        prompt_tokens=sum(batch["prompt_tokens"] for batch in batches),
        completion_tokens=sum(batch["completion_tokens"] for batch in batches),
    )


def plan(expected: dict[str, Any]) -> None:
    """A plan as a table."""
    count = len(expected["batches"])
    title = (
        f"{expected['recipe']}: {expected['target']} {expected['noun']} in {count} batch(es) with {expected['model']}"
    )
    covering = any(batch["covers"] for batch in expected["batches"])
    columns = ["batch", "slots", "size", *(["covers"] if covering else []), "tokens_in", "tokens_out"]
    shown = Table(*(name.replace("_", " ") for name in columns), title=title, title_justify="left")
    for batch in expected["batches"][:SHOWN_BATCHES]:
        row = batch | {
            "covers": ", ".join(batch["covers"]),
            "tokens_in": batch["prompt_tokens"],
            "tokens_out": batch["completion_tokens"],
        }
        shown.add_row(*(str(row[name]) for name in columns))
    if count > SHOWN_BATCHES:
        shown.add_row("…", f"{count - SHOWN_BATCHES} more batches")
    console = Console(highlight=False)
    console.print(shown)
    for name, value in expected["expected"].items():
        console.print(f"{name}: {value}", markup=False)
    if expected["groups"]:
        shown_groups = [f"{name} {count}" for name, count in expected["groups"].items()]
        more = [f"… and {len(shown_groups) - SHOWN_GROUPS} more"] if len(shown_groups) > SHOWN_GROUPS else []
        groups = ", ".join([*shown_groups[:SHOWN_GROUPS], *more])
        console.print(f"{expected['group_word'].lower()}: {groups}", markup=False)
    console.print(
        f"expected tokens: about {expected['prompt_tokens']} in, {expected['completion_tokens']} out (estimated)"
    )
    cost = expected["cost_usd"]
    console.print(f"expected cost: {'unknown' if cost is None else f'about ${cost:.4f} at list price'}")
    for warning in expected["warnings"]:
        console.print(f"warning: {warning}", markup=False)
