"""What `status` says: progress or result, each planned batch, and what two models saved against one."""

import json
import time
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.converter import DataConverter
from temporalio.service import RPCError

from activities.model.pricing import list_price
from activities.store.object_store import Store
from quire.outcome import Usage
from quire.progress import BatchStatus
from quire.request import Request
from quire.slots import ranges
from runtime.temporal.diagnosis import diagnosed
from runtime.temporal.pending_calls import again
from runtime.temporal.runs import Handle, state_of
from runtime.text.console import SHOWN_GROUPS
from runtime.text.wording import printable, several

_PAGE = 1000


async def summary_of(client: Client, handle: Handle, request: Request) -> dict[str, Any]:
    """A run's state as JSON has it."""
    shown = await state_of(handle)
    if "items" not in shown:
        trouble = await diagnosed(client, handle.id) if shown["status"] == "running" else None
        return shown | ({"line": trouble.said} if trouble else {})
    shown["percent"] = 100 * shown["items"] // shown["target"] if shown["target"] else 0
    shown["batch_states"] = await _batches(handle, request)
    described = await handle.describe()
    shown["growing"] = await _growing(described)
    calls = await again(client, described, time.time())
    shown |= {"retried": calls.retried, "retried_because": calls.reason, "rate_limit": calls.words()}
    saved = savings(request, {name: Usage.model_validate(used) for name, used in shown.get("models", {}).items()})
    return shown | ({"saved": saved} if saved else {})


async def _growing(described: WorkflowExecutionDescription) -> dict[str, int]:
    """Complete items of answers that are being streamed, by batch."""
    found: dict[str, int] = {}
    for pending in described.raw_description.pending_activities:
        if pending.activity_id.startswith("batch-") and pending.heartbeat_details.payloads:
            (items,) = await DataConverter.default.decode(list(pending.heartbeat_details.payloads)[:1])
            found[pending.activity_id.removeprefix("batch-")] = int(items)
    return found


async def _batches(handle: Handle, request: Request) -> list[dict[str, Any]]:
    """Where each planned batch is: from the run, or from the report of one that has ended."""
    store = Store(request.output.store, handle.id)
    if (report := await store.get("report.json")) is not None:
        said = json.loads(report)
        usage = said.get("batch_usage", {})
        return [
            {"batch": number, "status": state, "usage": usage.get(str(number))}
            for number, state in enumerate(said.get("batch_states", []), 1)
        ]
    try:
        page = await handle.query(
            "batches", args=[1, _PAGE], result_type=list[BatchStatus], rpc_timeout=timedelta(seconds=2)
        )
    except (RPCError, TimeoutError):
        return []
    return [batch.model_dump() for batch in page]


def savings(request: Request, models: dict[str, Usage]) -> dict[str, Any] | None:
    """What the calls cost at list prices, and what they would have if `model` had made all of them; None where one
    model does everything or a price is unknown."""
    if request.worker_model is None or not models:
        return None
    costs = [list_price(name, used) for name, used in models.items()]
    alone = [list_price(request.model.name, used) for used in models.values()]
    if None in costs or None in alone:
        return None
    paid, single = sum(filter(None, costs)), sum(filter(None, alone))
    return {
        "usd": round(single - paid, 6),
        "percent": round(100 * (1 - paid / single)) if single else 0,
        "against": request.model.name,
    }


def lines(shown: dict[str, Any]) -> list[str]:
    """The same for a person."""
    said = [f"{shown['workflow_id']}: {shown.get('verdict') or shown.get('stage') or shown['status']}"]
    if "items" not in shown:
        return [*said, str(shown.get("line") or shown.get("error") or "")]
    if shown.get("why"):
        said[0] += f": {shown['why']}"
    usage = shown["usage"]
    said.append(f"  {shown['items']}/{shown['target']} {shown['noun']} ({shown['percent']} %)")
    states = [batch["status"] for batch in shown["batch_states"]]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    said.append(f"  batches     {counts or shown['batches']}")
    growing = ", ".join(f"batch {name}: {items} items so far" for name, items in shown["growing"].items())
    said += [f"  arriving    {growing}"] if growing else []
    said += [f"  waiting     {shown['rate_limit']}"] if shown["rate_limit"] else []
    if shown["retried"]:
        said.append(f"  retried     {several(shown['retried'], 'call')}: {shown['retried_because']}")
    failed = [batch["batch"] for batch in shown["batch_states"] if batch["status"] == "FAILED"]
    if failed:
        said.append(f"  failed      batch {ranges(failed)}")
    for group in shown["groups"][:SHOWN_GROUPS]:
        twins = f", {group['duplicates_rejected']} duplicates rejected" if group["duplicates_rejected"] else ""
        said.append(f"  {shown['group_word']} {printable(group['name'])}: {group['items']}/{group['target']}{twins}")
    if len(shown["groups"]) > SHOWN_GROUPS:
        said.append(f"  … and {len(shown['groups']) - SHOWN_GROUPS:,} more")
    by_round = ", ".join(map(str, shown["duplicates_by_round"]))
    rounds = f" ({by_round} by round)" if by_round else ""
    said.append(f"  duplicates  {shown['duplicates_rejected']} rejected{rounds}")
    for name, used in shown["models"].items():
        cost = "price unknown" if used["cost_usd"] is None else f"${used['cost_usd']:.4f}"
        said.append(f"  {name}: {used['prompt_tokens']} tokens in, {used['completion_tokens']} out, {cost}")
    cost = "unknown" if usage["cost_usd"] is None else f"${usage['cost_usd']:.4f}"
    said.append(f"  cost        {cost}" + (" (simulated)" if shown["simulated"] else ""))
    if shown.get("saved"):
        saved = shown["saved"]
        share = f"{saved['percent']} % (${saved['usd']})"
        said.append(f"  two models saved {share} against {saved['against']} alone, at list prices")
    return said
