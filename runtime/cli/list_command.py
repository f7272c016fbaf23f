"""`list`: every run with its state, how far it is, how old it is and what it cost."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any

from cyclopts import Parameter
from rich.text import Text
from temporalio.client import Client
from temporalio.service import RPCError

from quire.progress import Progress, Result
from runtime import logs
from runtime.cli.app import Json, command
from runtime.errors import SetupError
from runtime.temporal.connection import connected
from runtime.temporal.diagnosis import others
from runtime.temporal.run_lookup import Known, runs
from runtime.temporal.runs import outcome_of, progress_of
from runtime.temporal.settings import TASK_QUEUE
from runtime.text import console
from runtime.text.plain_table import columns, put

AT_ONCE = 32
"""Runs that are asked at the same time."""
PATIENCE = 3.0
"""Seconds after which what has not been answered is left out."""
STYLES = {"complete": "green", "partial": "yellow", "paused": "yellow", "failed": "red", "no worker": "red"}
Row = dict[str, Any]


@command
async def list_(
    *, limit: Annotated[int, Parameter(help="so many runs at most")] = 200, json: Json = False
) -> int:  # fmt: skip
    """All runs that the server knows, the newest first."""
    logs.configure()
    if limit < 1:
        raise SetupError(f"--limit: so many runs at most is 1 or more, not {limit}")
    async with connected(start_embedded=False) as connection:
        known = await runs(connection.client)
        rows = await _rows(connection.client, known[:limit])
    if json:
        console.print_json(rows)
    elif rows:
        _print(rows, len(known) - len(rows))
    else:
        print("no runs yet; start one with: uv run starter.py run examples/oq_suite.yaml")
    return 0


async def _rows(client: Client, known: Sequence[Known]) -> list[Row]:
    """A row for each run: what the list tells, and what the run or its result adds within a few seconds."""
    working = await _is_worked_on(client) if any(run.live for run in known) else True
    rows = [_row(run, working) for run in known]
    turns = asyncio.Semaphore(AT_ONCE)

    async def add(run: Known, row: Row) -> None:
        async with turns:
            with suppress(RPCError, ValueError):  # it stays with what the list tells
                row |= await _more(client, run)

    asked = [(run, row) for run, row in zip(known, rows, strict=True) if working or not run.live]
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
            for run, row in asked:
                group.create_task(add(run, row))
    return rows


async def _is_worked_on(client: Client) -> bool:
    """Whether a live run has anybody to answer for it."""
    try:
        return bool(await others(client, TASK_QUEUE))
    except RPCError:
        return True


def _row(run: Known, working: bool) -> Row:
    """What the server's list tells by itself."""
    counts = str(run.attributes.get("QuireProgress", "")).partition(" ")[0].split("/")
    items, target = map(int, counts) if len(counts) == 2 else (None, None)
    verdict = run.attributes.get("QuireVerdict") if not run.live else None
    until = run.ended or datetime.now(UTC)
    return {
        "workflow_id": run.id,
        "status": run.status,
        "state": verdict or (run.status if working or not run.live else "no worker"),
        "recipe": run.attributes.get("QuireRecipe"),
        "verdict": verdict,
        "items": items,
        "target": target,
        "percent": run.attributes.get("QuirePercent"),
        "cost_usd": None,
        "simulated": None,
        "started": run.started.isoformat(timespec="seconds"),
        "ended": run.ended.isoformat(timespec="seconds") if run.ended else None,
        "age_seconds": round((datetime.now(UTC) - run.started).total_seconds()),
        "seconds": round((until - run.started).total_seconds(), 1),
        "why": "",
    }


async def _more(client: Client, run: Known) -> Row:
    """What only the run itself knows, or its result."""
    handle = client.get_workflow_handle(run.id, result_type=Result)
    if run.live:
        progress = await progress_of(handle)
        return _told(progress) | {"state": progress.stage, "why": progress.why} if progress else {}
    result, failure = await outcome_of(handle)
    if result is not None:
        return _told(result) | {"state": result.verdict, "verdict": result.verdict, "seconds": result.seconds}
    return {"why": failure[0] if failure else ""}


def _told(said: Progress | Result) -> Row:
    return {
        "recipe": said.recipe,
        "items": said.items,
        "target": said.target,
        "percent": 100 * said.items // said.target if said.target else 0,
        "cost_usd": said.usage.cost_usd,
        "simulated": said.simulated,
    }


def _print(rows: Sequence[Row], older: int) -> None:
    """For a person; as wide as it needs to be where it goes into a file."""
    shown = columns()
    shown.add_column("run", overflow="fold")
    for name, side in (("state", "left"), ("items", "right"), ("%", "right"), ("age", "right"), ("cost", "right")):
        shown.add_column(name, justify=side, no_wrap=True)  # pyright: ignore[reportArgumentType]
    for row in rows:
        state = str(row["state"])
        items = "" if row["target"] is None else f"{row['items']}/{row['target']}"
        percent = "" if row["percent"] is None else str(row["percent"])
        shown.add_row(
            Text(row["workflow_id"]), Text(state, STYLES.get(state, "")), items, percent, age(row["age_seconds"]),
            _cost(row),
        )  # fmt: skip
    put(shown)
    if any(row["state"] == "no worker" for row in rows):
        print("no worker is up for what has not ended; start one with: uv run starter.py up")
    if older > 0:
        print(f"… and {older} older: uv run starter.py list --limit {len(rows) + older}")


def age(seconds: int) -> str:
    """A length of time as a person says it, to its first unit."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{max(0, seconds)} s"


def _cost(row: Row) -> str:
    if row["simulated"]:
        return "simulated"
    if row["cost_usd"] is not None:
        return f"${row['cost_usd']:.4f}"
    return "" if row["simulated"] is None else "unknown"
