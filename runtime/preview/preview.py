"""What a run of a request would be, told before anything is paid: plan, tokens and cost, prompt, and what is there."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from activities.plan_run import seeded
from recipes.planning import Plan, lay_out
from runtime.preview import estimate
from runtime.preview.estimate import Part, Seen, Totals
from runtime.preview.rehearsal import Found, Rehearsal
from runtime.request.request_file import Checked

LOOKED_AT = 1000
"""Batches whose prompts are written to be measured and looked for; of larger plans so many are taken."""
SHOWN = 20
"""The first ones, which a person is shown."""


async def expectation(checked: Checked, *, name: str | None = None, prompt: bool = False) -> dict[str, Any]:
    """All that `check` tells. `name` is the id that the run is to have; `prompt` adds what the first calls send."""
    plan = checked.plan
    if name is not None and plan.recipe.draws and plan.request.seed is None:
        plan = lay_out(seeded(checked.request, name), checked.texts, checked.documents)
    # where the workers will look: the plan's own request names the store as the person did
    plan = replace(plan, request=plan.request.model_copy(update={"output": checked.request.output}))
    rehearsal = Rehearsal(plan, name)
    numbers = _looked_at(len(plan.sizes), in_order=bool(plan.after))
    found = await rehearsal.look(numbers)
    rows = [await _row(rehearsal, number, found) for number in sorted(numbers)]
    seen = [Seen(row["batch"], row["size"], row["prompt_bytes"], row["schema_bytes"]) for row in rows]
    parts = estimate.parts(plan, seen, found.batches)
    told: dict[str, Any] = {
        "recipe": plan.request.recipe,
        "target": len(plan.slots),
        "noun": plan.recipe.noun,
        "model": plan.request.generator.name,
        "endpoint": rehearsal.where(plan.request.generator),
        "group_word": plan.recipe.group_word,
        "groups": _groups(plan),
        "expected": plan.recipe.expected(),
        "batch_count": len(plan.sizes),
        "batches": rows,
        "tokens_per_item": plan.request.batching.tokens_per_item,
        "estimate": _estimate(plan, parts),
        "budget": _budget(plan, parts),
        "reuse": _reuse(plan, found, name),
        "warnings": plan.warnings,
    }
    return told | ({"prompts": await _prompts(rehearsal)} if prompt else {})


def _looked_at(count: int, *, in_order: bool) -> Sequence[int]:
    """Numbers of the batches to look at. A lane can only be followed from its beginning; else any are as good as
    others, and drawn ones are fair however many there is time for."""
    if count <= LOOKED_AT or in_order:
        return range(1, min(count, LOOKED_AT) + 1)
    first = range(1, SHOWN + 1)
    return [*first, *random.Random(0).sample(range(SHOWN + 1, count + 1), LOOKED_AT - SHOWN)]


async def _row(rehearsal: Rehearsal, number: int, found: Found) -> dict[str, Any]:
    call = await rehearsal.call(number)
    slots = call.slots
    said, schema = call.body["messages"], call.body["response_format"]
    return {
        "batch": number,
        "slots": slots[0].key if len(slots) == 1 else f"{slots[0].key} to {slots[-1].key}",
        "size": len(slots),
        "covers": list(dict.fromkeys(name for slot in slots for name in slot.covers)),
        "prompt_bytes": sum(len(message["content"].encode()) for message in said),
        "schema_bytes": len(json.dumps(schema)),
        "reused": number in found.batches,
    }


def _groups(plan: Plan) -> list[dict[str, Any]]:
    """Items and batches of each group; a batch belongs to one group only."""
    rows: list[dict[str, Any]] = []
    at = 0
    for group in plan.groups:
        begun, items = at, 0
        while items < group.target:
            items += plan.sizes[at]
            at += 1
        rows.append({"name": group.name, "target": group.target, "batches": at - begun})
    return rows


def _estimate(plan: Plan, parts: Sequence[Part]) -> dict[str, Any]:
    rows = [{"part": part.name, "model": part.model, **_amounts(part.totals())} for part in parts]
    spread = estimate.spread(plan.request)[1]
    return {
        **_amounts(estimate.total(parts)),
        "parts": rows,
        "low_means": estimate.LOW_MEANS,
        "high_means": estimate.HIGH_MEANS.format(most=f"{spread:g}"),
    }


def _amounts(totals: Totals) -> dict[str, Any]:
    """Whole calls and tokens; dollars as they are, None where a price is unknown."""
    counts = {name: {"low": round(ends.low), "high": round(ends.high)} for name, ends in totals.counts.items()}
    cost = totals.cost_usd
    return {**counts, "cost_usd": {"low": cost.low, "high": cost.high} if cost else None}


def _budget(plan: Plan, parts: Sequence[Part]) -> dict[str, Any] | None:
    """Whether the request's cap is likely to be met; None where it has none."""
    said, totals = plan.request.budget, estimate.total(parts)
    tokens = totals.counts["prompt_tokens"] + totals.counts["completion_tokens"]
    caps = [(said.tokens, tokens), (said.usd, totals.cost_usd)]
    given = [(cap, ends) for cap, ends in caps if cap is not None and ends is not None]
    if not given:
        return None
    words = [f"{said.tokens:,} tokens"] * (said.tokens is not None) + [f"${said.usd}"] * (said.usd is not None)
    if all(ends.high <= cap for cap, ends in given):
        verdict = "enough for the high end"
    elif all(ends.low <= cap for cap, ends in given):
        verdict = "enough for the low end, not for the high one: the run may wait for raise-budget"
    else:
        verdict = "too little: the run will wait for raise-budget, or finish with what there is"
    return {"tokens": said.tokens, "usd": said.usd, "said": ", ".join(words), "verdict": verdict}


def _reuse(plan: Plan, found: Found, name: str | None) -> dict[str, Any]:
    why = found.why
    if plan.recipe.draws and plan.request.seed is None:
        why = why or "each run draws by its own id: give `seed`, or `--id` with the id that the run is to have"
    elif not plan.request.reuse and name is None:
        why = why or "`reuse: false`: every answer is asked for anew"
    return {
        "batches": len(found.batches),
        "items": found.items,
        "looked_at": found.looked_at,
        "of": len(plan.sizes),
        "runs": sorted(found.runs),
        "why": why,
    }


async def _prompts(rehearsal: Rehearsal) -> list[dict[str, Any]]:
    """What the first call of each kind sends: the planning model's, where there is one, and that of batch 1."""
    prepared = rehearsal.preparations()
    shown = [{"call": f"plan {key}", "body": body} for key, body in list(prepared.items())[:1]]
    note = "without what the planning model is still to say" if prepared and not rehearsal.prepared else ""
    return [*shown, {"call": "batch 1", "body": (await rehearsal.call(1)).body, "note": note}]
