"""`report` and `compare`: one run, or two, as a page."""

import asyncio
import json as json_codec
import sys
import webbrowser
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from activities.report import PAGE_KEY, comparison, page
from activities.store.object_store import REPORT_KEY
from activities.store.plan_file import OpenPlan
from runtime import logs
from runtime.cli.app import Json, RunId
from runtime.errors import SetupError
from runtime.temporal.connection import open_connection
from runtime.temporal.runs import attach_run, fetch_request, fetch_run_state, open_run_plan
from runtime.text import console
from runtime.text.terminal import TextConsole

StoreAddress = Annotated[str | None, Parameter(name="--store", help="the store, if no server knows the run")]


async def report(
    id: RunId,
    /,
    *,
    out: Annotated[Path | None, Parameter(help="write it to this file, not into the run's folder")] = None,
    open: Annotated[bool, Parameter(help="show it in a browser, if this is a terminal")] = True,
    store: StoreAddress = None,
    json: Json = False,
) -> int:
    """Open a run's report: verdict, timeline, cost, coverage and items. For a live run it shows the current state."""
    logs.configure_logging()
    plan, state = await _open_run(id, store)
    id = plan.store.workflow_id
    if out is None and "://" in plan.store.address:
        out = Path(f"{id}.report.html")  # a browser cannot open a file in a bucket
    address = await _write_report(plan, state, out, rewrite=store is not None)
    if json:
        console.print_json({"workflow_id": id, "report": address, "verdict": state.get("verdict")})
        return 0
    print(address)
    if not state.get("verdict"):
        console.print_note(f"{id} has not ended: the page shows its state as of now")
    if open and sys.stdout.isatty():
        await asyncio.to_thread(webbrowser.open, Path(address).as_uri())
    return 0


async def compare(
    first: RunId,
    second: Annotated[str, Parameter(help="the other run's id")],
    /,
    *,
    html: Annotated[Path | None, Parameter(help="write it to this file, as a page")] = None,
    store: StoreAddress = None,
    json: Json = False,
) -> int:
    """Compare two runs: their results, their cost, and the settings in which they differ."""
    logs.configure_logging()
    opened = [await _open_run(id, store) for id in (first, second)]
    first, second = (plan.store.workflow_id for plan, _ in opened)
    runs = [await page.gather_values(plan, state) for plan, state in opened]
    if html is not None:
        with _replace_file(html) as file:
            file.write(comparison.render_comparison(*runs).encode())
    if json:
        console.print_json(comparison.to_json(*runs))
    else:
        _print_comparison(("", first, second), comparison.list_figures(*runs))
        if settings := comparison.list_differences(*runs):
            _print_comparison(("settings that differ", first, second), settings)
        else:
            print("settings: the same")
    if html is not None:
        console.print_note(f"page  {html.absolute()}")
    return 0


async def _open_run(id: str, store: str | None) -> tuple[OpenPlan, dict[str, Any]]:
    """Return a run's plan and state: its report if it has ended, else its progress. If `store` is given, no server is
    asked and the run counts as ended."""
    state: dict[str, Any] = {}
    has_ended = True
    if store is None:
        async with open_connection(start_embedded=False) as connection:
            handle = await attach_run(connection.client, id)
            id, store = handle.id, (await fetch_request(connection.client, handle)).output.store
            state = await fetch_run_state(handle)
            has_ended = state["status"] != "running"
    plan = await open_run_plan(store, id)
    stored = await plan.store.get(REPORT_KEY) if has_ended else None
    return plan, state | (json_codec.loads(stored) if stored else {})


async def _write_report(plan: OpenPlan, state: dict[str, Any], out: Path | None, *, rewrite: bool) -> str:
    """Return the address of the page, which an ended run already has in its store; `rewrite` replaces that one."""
    if out is None:
        exists = not rewrite and state.get("verdict") and await plan.store.has_file(PAGE_KEY)
        return plan.store.address_of(PAGE_KEY) if exists else await page.write_page_to_store(plan, state)
    with _replace_file(out) as file:
        await page.write_page(plan, state, _FileSink(file))
    return str(out.absolute())


class _FileSink:
    """A local file that a report can be written to."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    async def write(self, data: bytes) -> None:
        self._file.write(data)


@contextmanager
def _replace_file(path: Path) -> Generator[BinaryIO]:
    """Open a file for writing that appears, or replaces an older one, when all is written. Raises SetupError."""
    if not path.name or path.is_dir():
        raise SetupError(f"{path} is a folder; name a file in it, such as {path / 'report.html'}")
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise SetupError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)


def _print_comparison(titles: tuple[str, str, str], lines: list[comparison.ComparedValue]) -> None:
    """Print two runs in two columns; values that differ are bold."""
    table = Table()
    for title in titles:
        table.add_column(Text(title), overflow="fold")
    for line in lines:
        style = "bold" if line.differs else ""
        table.add_row(line.name, Text(line.one, style), Text(line.other, style))
    TextConsole().print(table)
