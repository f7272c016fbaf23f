"""`list`: every run with its state, progress, age and cost."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any

from cyclopts import Parameter
from rich.text import Text
from temporalio.client import Client
from temporalio.service import RPCError

from quire.commands import starter_command
from quire.progress import Progress, Result
from runtime import logs
from runtime.cli.app import Json
from runtime.errors import SetupError
from runtime.temporal.connection import open_connection
from runtime.temporal.diagnosis import list_workers
from runtime.temporal.run_lookup import ListedRun, list_runs
from runtime.temporal.runs import fetch_outcome, query_progress
from runtime.temporal.settings import TASK_QUEUE
from runtime.text import console
from runtime.text.plain_table import create_plain_table, print_plain_table

CONCURRENT_QUERIES = 32
"""Runs that are asked at the same time."""
QUERY_TIMEOUT = 3.0
"""Seconds after which runs that have not answered are shown as the server lists them."""
STYLES = {"complete": "green", "partial": "yellow", "paused": "yellow", "failed": "red", "no worker": "red"}
Row = dict[str, Any]


async def list_(*, limit: Annotated[int, Parameter(help="how many runs at most")] = 200, json: Json = False) -> int:
    """List all runs that the server knows, the newest first."""
    logs.configure_logging()
    if limit < 1:
        raise SetupError(f"--limit must be at least 1, not {limit:,}")
    async with open_connection(start_embedded=False) as connection:
        runs = await list_runs(connection.client)
        rows = await _build_rows(connection.client, runs[:limit])
    if json:
        console.print_json(rows)
    elif rows:
        _print_rows(rows, len(runs) - len(rows))
    else:
        print(f"no runs yet; start one with: {starter_command('run', 'examples/oq_suite.yaml')}")
    return 0


async def _build_rows(client: Client, runs: Sequence[ListedRun]) -> list[Row]:
    """Return a row for each run, with what the run itself or its result adds within `QUERY_TIMEOUT`."""
    has_worker = await _has_worker(client) if any(run.live for run in runs) else True
    rows = [_to_row(run, has_worker=has_worker) for run in runs]
    semaphore = asyncio.Semaphore(CONCURRENT_QUERIES)

    async def add_details(run: ListedRun, row: Row) -> None:
        async with semaphore:
            with suppress(RPCError, ValueError):  # the row then stays as the server lists it
                row |= await _fetch_details(client, run)

    answerable = [(run, row) for run, row in zip(runs, rows, strict=True) if has_worker or not run.live]
    with suppress(TimeoutError):
        async with asyncio.timeout(QUERY_TIMEOUT), asyncio.TaskGroup() as group:
            for run, row in answerable:
                group.create_task(add_details(run, row))
    return rows


async def _has_worker(client: Client) -> bool:
    """Return True if a worker can answer for live runs, or if the server does not say."""
    try:
        return bool(await list_workers(client, TASK_QUEUE))
    except RPCError:
        return True


def _to_row(run: ListedRun, *, has_worker: bool) -> Row:
    """Return what the server's list itself says of a run."""
    counts = str(run.attributes.get("QuireProgress", "")).partition(" ")[0].split("/")
    items, target = map(int, counts) if len(counts) == 2 else (None, None)
    verdict = run.attributes.get("QuireVerdict") if not run.live else None
    now = datetime.now(UTC)
    return {
        "workflow_id": run.id,
        "status": run.status,
        "state": verdict or (run.status if has_worker or not run.live else "no worker"),
        "recipe": run.attributes.get("QuireRecipe"),
        "verdict": verdict,
        "items": items,
        "target": target,
        "percent": run.attributes.get("QuirePercent"),
        "cost_usd": None,
        "simulated": None,
        "started": run.started.isoformat(timespec="seconds"),
        "ended": run.ended.isoformat(timespec="seconds") if run.ended else None,
        "age_seconds": round((now - run.started).total_seconds()),
        "seconds": round(((run.ended or now) - run.started).total_seconds(), 1),
        "why": "",
    }


async def _fetch_details(client: Client, run: ListedRun) -> Row:
    """Return what only the run itself, or its result, can say."""
    handle = client.get_workflow_handle(run.id, result_type=Result)
    if run.live:
        progress = await query_progress(handle)
        return _to_details(progress) | {"state": progress.stage, "why": progress.why} if progress else {}
    result, failure = await fetch_outcome(handle)
    if result is not None:
        return _to_details(result) | {"state": result.verdict, "verdict": result.verdict, "seconds": result.seconds}
    return {"why": failure[0] if failure else ""}


def _to_details(state: Progress | Result) -> Row:
    return {
        "recipe": state.recipe,
        "items": state.items,
        "target": state.target,
        "percent": 100 * state.items // state.target if state.target else 0,
        "cost_usd": state.usage.cost_usd,
        "simulated": state.simulated,
    }


def _print_rows(rows: Sequence[Row], older: int) -> None:
    """Print the rows as a table, and what to do if no worker is up or `older` runs were left out."""
    table = create_plain_table()
    table.add_column("run", overflow="fold")
    for name, side in (("state", "left"), ("items", "right"), ("%", "right"), ("age", "right"), ("cost", "right")):
        table.add_column(name, justify=side, no_wrap=True)  # pyright: ignore[reportArgumentType]
    for row in rows:
        state = Text(str(row["state"]), STYLES.get(str(row["state"]), ""))
        items = "" if row["target"] is None else f"{row['items']}/{row['target']}"
        percent = "" if row["percent"] is None else str(row["percent"])
        table.add_row(
            Text(row["workflow_id"]), state, items, percent, format_age(row["age_seconds"]), _format_cost(row)
        )
    print_plain_table(table)
    if any(row["state"] == "no worker" for row in rows):
        print(f"no worker is up for the runs that have not ended; start one with: {starter_command('up')}")
    if older > 0:
        print(f"… and {older:,} older: {starter_command('list', '--limit', str(len(rows) + older))}")


def format_age(seconds: int) -> str:
    """Format a length of time in its largest unit: `3 d`, `5 h`, `10 min`, `7 s`."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{max(0, seconds)} s"


def _format_cost(row: Row) -> str:
    if row["simulated"]:
        return "simulated"
    if row["cost_usd"] is not None:
        return f"${row['cost_usd']:.4f}"
    return "" if row["simulated"] is None else "unknown"
