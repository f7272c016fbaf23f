"""The state of a run as `status` shows it: progress or result, each planned batch, and what a second model saved."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.converter import DataConverter
from temporalio.service import RPCError

from activities.model.pricing import list_price
from activities.store.object_store import REPORT_KEY, Store
from quire.outcome import Usage
from quire.progress import BatchStatus
from quire.request import Request
from quire.slots import format_ranges
from runtime.temporal.diagnosis import diagnose
from runtime.temporal.pending_calls import fetch_retrying_calls
from runtime.temporal.runs import Handle, fetch_run_state
from runtime.text.console import SHOWN_GROUPS
from runtime.text.wording import format_count, make_printable

Status = dict[str, Any]
"""The JSON that `status --json` prints."""
_MAX_BATCHES = 1000


async def fetch_status(client: Client, handle: Handle, request: Request) -> Status:
    """Fetch the state of a run."""
    status: Status = await fetch_run_state(handle)
    if "items" not in status:
        diagnosis = await diagnose(client, handle.id) if status["status"] == "running" else None
        return status | ({"line": diagnosis.message} if diagnosis else {})
    description = await handle.describe()
    calls = await fetch_retrying_calls(client, description, time.time())
    status |= {
        "percent": 100 * status["items"] // status["target"] if status["target"] else 0,
        "batch_states": await _fetch_batch_states(handle, request),
        "growing": await _count_streamed_items(description),
        "retried": calls.retried,
        "retried_because": calls.reason,
        "rate_limit": calls.describe_wait(),
        "stuck": calls.trouble,
    }
    usage_by_model = {name: Usage.model_validate(usage) for name, usage in status.get("models", {}).items()}
    saved = calculate_savings(request, usage_by_model)
    return status | ({"saved": saved} if saved else {})


async def _count_streamed_items(description: WorkflowExecutionDescription) -> dict[str, int]:
    """Return the number of complete items in answers that are being streamed, by batch."""
    counts: dict[str, int] = {}
    for activity in description.raw_description.pending_activities:
        if activity.activity_id.startswith("batch-") and activity.heartbeat_details.payloads:
            (items,) = await DataConverter.default.decode(list(activity.heartbeat_details.payloads)[:1])
            counts[activity.activity_id.removeprefix("batch-")] = int(items)
    return counts


async def _fetch_batch_states(handle: Handle, request: Request) -> list[dict[str, Any]]:
    """Return the state of each planned batch: from the report if there is one, else from the run, if it answers."""
    store = Store(request.output.store, handle.id)
    if (data := await store.get(REPORT_KEY)) is not None:
        report = json.loads(data)
        usage = report.get("batch_usage", {})
        return [
            {"batch": number, "status": state, "usage": usage.get(str(number))}
            for number, state in enumerate(report.get("batch_states", []), 1)
        ]
    try:
        batches = await handle.query(
            "batches", args=[1, _MAX_BATCHES], result_type=list[BatchStatus], rpc_timeout=timedelta(seconds=2)
        )
    except (RPCError, TimeoutError):
        return []
    return [batch.model_dump() for batch in batches]


def calculate_savings(request: Request, usage_by_model: dict[str, Usage]) -> dict[str, Any] | None:
    """Return by how much `worker_model` lowered the cost at list prices, compared with `model` for all calls.

    Returns None if one model does everything or a price is unknown.
    """
    if request.worker_model is None or not usage_by_model:
        return None
    costs = [list_price(name, usage) for name, usage in usage_by_model.items()]
    costs_of_one_model = [list_price(request.model.name, usage) for usage in usage_by_model.values()]
    if None in costs or None in costs_of_one_model:
        return None
    paid, alone = sum(filter(None, costs)), sum(filter(None, costs_of_one_model))
    return {
        "usd": round(alone - paid, 6),
        "percent": round(100 * (1 - paid / alone)) if alone else 0,
        "against": request.model.name,
    }


def format_status(status: Status) -> list[str]:
    """Return the lines in which a person reads the state of a run."""
    headline = f"{status['workflow_id']}: {status.get('verdict') or status.get('stage') or status['status']}"
    if "items" not in status:
        return [headline, str(status.get("line") or status.get("error") or "")]
    lines = [
        f"{status['items']:,}/{status['target']:,} {status['noun']} ({status['percent']} %)",
        *_format_calls(status),
        *_format_groups(status),
        *_format_duplicates(status),
        *_format_costs(status),
    ]
    return [f"{headline}: {status['why']}" if status.get("why") else headline, *(f"  {line}" for line in lines)]


def _format_calls(status: Status) -> Iterator[str]:
    states = [batch["status"] for batch in status["batch_states"]]
    counts = ", ".join(f"{states.count(state):,} {state}" for state in dict.fromkeys(states))
    yield f"batches     {counts or status['batches']}"
    if status["growing"]:
        yield "arriving    " + ", ".join(
            f"batch {name}: {items} items so far" for name, items in status["growing"].items()
        )
    if status["rate_limit"]:
        yield f"waiting     {status['rate_limit']}"
    if status["stuck"]:
        yield f"stuck       {status['stuck']}"
    elif status["retried"]:
        yield f"retried     {format_count(status['retried'], 'call')}: {status['retried_because']}"
    failed = [batch["batch"] for batch in status["batch_states"] if batch["status"] == "FAILED"]
    if failed:
        yield f"failed      batch {format_ranges(failed)}"


def _format_groups(status: Status) -> Iterator[str]:
    groups = status["groups"]
    for group in groups[:SHOWN_GROUPS]:
        rejected = group["duplicates_rejected"]
        duplicates = f", {rejected:,} duplicates rejected" if rejected else ""
        name = f"{status['group_word']} {make_printable(group['name'])}"
        yield f"{name}: {group['items']:,}/{group['target']:,}{duplicates}"
    if len(groups) > SHOWN_GROUPS:
        yield f"… and {len(groups) - SHOWN_GROUPS:,} more"


def _format_duplicates(status: Status) -> Iterator[str]:
    by_round = ", ".join(f"{count:,}" for count in status["duplicates_by_round"])
    yield f"duplicates  {status['duplicates_rejected']:,} rejected" + (f" ({by_round} by round)" if by_round else "")


def _format_costs(status: Status) -> Iterator[str]:
    for name, usage in status["models"].items():
        cost = _format_cost(usage, "price unknown")
        yield f"{name}: {usage['prompt_tokens']:,} tokens in, {usage['completion_tokens']:,} out, {cost}"
    yield f"cost        {_format_cost(status['usage'], 'unknown')}" + (" (simulated)" if status["simulated"] else "")
    if saved := status.get("saved"):
        share = f"{saved['percent']} % (${saved['usd']})"
        yield f"two models saved {share} against {saved['against']} alone, at list prices"


def _format_cost(usage: dict[str, Any], unknown: str) -> str:
    return unknown if usage["cost_usd"] is None else f"${usage['cost_usd']:.4f}"
