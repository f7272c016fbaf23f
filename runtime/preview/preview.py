"""The preview of a run, before anything is paid: plan, expected tokens and cost, prompts, and answers in the store."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from activities.plan_run import with_seed
from recipes.planning import Plan, build_plan
from runtime.preview import estimate
from runtime.preview.estimate import CallEstimate, MeasuredBatch, Totals
from runtime.preview.rehearsal import Rehearsal, ReuseResult
from runtime.request.request_file import CheckedRequest

MAX_MEASURED = 1000
"""Batches whose prompts are built, measured and searched for in the store; of larger plans this many are drawn."""
SHOWN_ROWS = 20
"""The first batches or groups, which a person is shown."""

Preview = dict[str, Any]
"""The JSON that `check --json` prints."""


async def build_preview(checked: CheckedRequest, *, name: str | None = None, prompt: bool = False) -> Preview:
    """Return the preview of a run. `name` is the run's id, if it is known; `prompt` adds the bodies of the first
    calls."""
    plan = checked.plan
    if name is not None and plan.recipe.uses_seed and plan.request.seed is None:
        plan = build_plan(with_seed(checked.request, name), checked.texts, checked.documents)
    # the plan's own request names the store as the person wrote it; workers use the absolute address
    plan = replace(plan, request=plan.request.model_copy(update={"output": checked.request.output}))
    rehearsal = Rehearsal(plan, name)
    numbers = _choose_batches(len(plan.sizes), in_order=bool(plan.after))
    reuse = await rehearsal.find_answers(numbers)
    rows = [await _build_batch_row(rehearsal, number, reuse) for number in sorted(numbers)]
    measured = [MeasuredBatch(row["batch"], row["size"], row["prompt_bytes"], row["schema_bytes"]) for row in rows]
    calls = estimate.estimate_calls(plan, measured, reuse.batches)
    preview: Preview = {
        "recipe": plan.request.recipe,
        "target": len(plan.slots),
        "noun": plan.recipe.noun,
        "model": plan.request.generator.name,
        "endpoint": rehearsal.describe_endpoint(plan.request.generator),
        "group_word": plan.recipe.group_word,
        "groups": _build_group_rows(plan),
        "expected": plan.recipe.plan_facts(),
        "batch_count": len(plan.sizes),
        "batches": rows,
        "tokens_per_item": plan.request.batching.tokens_per_item,
        "estimate": _build_estimate(plan, calls),
        "budget": _build_budget(plan, calls),
        "reuse": _build_reuse(plan, reuse, name),
        "warnings": plan.warnings,
    }
    return preview | ({"prompts": await _build_prompts(rehearsal)} if prompt else {})


def _choose_batches(count: int, *, in_order: bool) -> Sequence[int]:
    """Return the numbers of the batches to measure.

    A lane can only be followed from its beginning. Otherwise batches are drawn, so that the sample is fair even if
    there is not enough time for all of it.
    """
    if count <= MAX_MEASURED or in_order:
        return range(1, min(count, MAX_MEASURED) + 1)
    first = range(1, SHOWN_ROWS + 1)
    return [*first, *random.Random(0).sample(range(SHOWN_ROWS + 1, count + 1), MAX_MEASURED - SHOWN_ROWS)]


async def _build_batch_row(rehearsal: Rehearsal, number: int, reuse: ReuseResult) -> dict[str, Any]:
    call = await rehearsal.build_call(number)
    slots = call.slots
    messages, schema = call.body["messages"], call.body["response_format"]
    return {
        "batch": number,
        "slots": slots[0].key if len(slots) == 1 else f"{slots[0].key} to {slots[-1].key}",
        "size": len(slots),
        "covers": list(dict.fromkeys(name for slot in slots for name in slot.covers)),
        "prompt_bytes": sum(len(message["content"].encode()) for message in messages),
        "schema_bytes": len(json.dumps(schema)),
        "reused": number in reuse.batches,
    }


def _build_group_rows(plan: Plan) -> list[dict[str, Any]]:
    """Return items and batches of each group; a batch belongs to one group only."""
    rows: list[dict[str, Any]] = []
    batch = 0
    for group in plan.groups:
        first, items = batch, 0
        while items < group.target:
            items += plan.sizes[batch]
            batch += 1
        rows.append({"name": group.name, "target": group.target, "batches": batch - first})
    return rows


def _build_estimate(plan: Plan, calls: Sequence[CallEstimate]) -> dict[str, Any]:
    rows = [{"part": call.name, "model": call.model, **_format_totals(call.to_totals())} for call in calls]
    _, most = estimate.get_output_spread(plan.request)
    return {
        **_format_totals(estimate.add_up(calls)),
        "parts": rows,
        "low_means": estimate.LOW_MEANS,
        "high_means": estimate.HIGH_MEANS.format(most=f"{most:g}"),
    }


def _format_totals(totals: Totals) -> dict[str, Any]:
    """Return whole calls and tokens, and the cost in USD, None if a price is unknown."""
    counts = {name: {"low": round(span.low), "high": round(span.high)} for name, span in totals.counts.items()}
    cost = totals.cost_usd
    return {**counts, "cost_usd": {"low": cost.low, "high": cost.high} if cost else None}


def _build_budget(plan: Plan, calls: Sequence[CallEstimate]) -> dict[str, Any] | None:
    """Return whether the request's budget is likely to be enough; None if it has none."""
    budget, totals = plan.request.budget, estimate.add_up(calls)
    tokens = totals.counts["prompt_tokens"] + totals.counts["completion_tokens"]
    caps = [(budget.tokens, tokens), (budget.usd, totals.cost_usd)]
    comparable = [(cap, span) for cap, span in caps if cap is not None and span is not None]
    if not comparable:
        return None
    parts = [f"{budget.tokens:,} tokens"] * (budget.tokens is not None) + [f"${budget.usd}"] * (budget.usd is not None)
    if all(span.high <= cap for cap, span in comparable):
        verdict = "enough for the high end"
    elif all(span.low <= cap for cap, span in comparable):
        verdict = "enough for the low end, not for the high end: the run may wait for raise-budget"
    else:
        verdict = "too little: the run will wait for raise-budget or finish"
    return {"tokens": budget.tokens, "usd": budget.usd, "said": ", ".join(parts), "verdict": verdict}


def _build_reuse(plan: Plan, reuse: ReuseResult, name: str | None) -> dict[str, Any]:
    why = reuse.why
    if plan.recipe.uses_seed and plan.request.seed is None:
        why = why or "the plan depends on the run's id: give `seed`, or --id with the id that the run will have"
    elif not plan.request.reuse and name is None:
        why = why or "with `reuse: false` every call is made"
    return {
        "batches": len(reuse.batches),
        "items": reuse.items,
        "looked_at": reuse.looked_at,
        "of": len(plan.sizes),
        "runs": sorted(reuse.runs),
        "why": why,
    }


async def _build_prompts(rehearsal: Rehearsal) -> list[dict[str, Any]]:
    """Return the first call of each kind: of the planning model, if the recipe uses it, and batch 1."""
    preparations = rehearsal.build_preparations()
    prompts = [{"call": f"plan {key}", "body": body} for key, body in list(preparations.items())[:1]]
    note = "without the answers of the planning model" if preparations and not rehearsal.prepared else ""
    return [*prompts, {"call": "batch 1", "body": (await rehearsal.build_call(1)).body, "note": note}]
