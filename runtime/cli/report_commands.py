"""`report` and `compare`: a run, or two, as a page to be read."""

import asyncio
import json as json_
import sys
import webbrowser
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from activities.report import KEY, comparison, page
from activities.store import plan_file
from activities.store.object_store import Store, holds
from activities.store.plan_file import OpenPlan
from runtime import logs
from runtime.cli.app import Id, Json, command
from runtime.errors import SetupError
from runtime.temporal.connection import connected
from runtime.temporal.runs import attach, request_of, state_of
from runtime.text import console

Where = Annotated[str | None, Parameter(help="the store, where no server knows the run")]


@command
async def report(
    id: Id,
    /,
    *,
    out: Annotated[Path | None, Parameter(help="write it to this file instead of beside the artifact")] = None,
    open: Annotated[bool, Parameter(help="show it in a browser, where this is a terminal")] = True,
    store: Where = None,
    json: Json = False,
) -> int:
    """Open a run's page: verdict, timeline, cost, coverage and the items. Of a live run it is what is there now."""
    logs.configure()
    plan, said = await _known(id, store)
    id = plan.store.workflow_id
    if out is None and "://" in plan.store.address:
        out = Path(f"{id}.report.html")  # a browser cannot open what lies in a bucket
    where = await _written(plan, said, out, anew=store is not None)
    if json:
        console.print_json({"workflow_id": id, "report": where, "verdict": said.get("verdict")})
        return 0
    print(where)
    if not said.get("verdict"):
        console.note(f"{id} has not ended: the page tells what is there now")
    if open and sys.stdout.isatty():
        await asyncio.to_thread(webbrowser.open, Path(where).as_uri())
    return 0


@command
async def compare(
    one: Id,
    other: Annotated[str, Parameter(help="another's")],
    /,
    *,
    html: Annotated[Path | None, Parameter(help="write it to this file, as a page")] = None,
    store: Where = None,
    json: Json = False,
) -> int:
    """Set two runs side by side: what came of them, at what cost, and the settings in which they differ."""
    logs.configure()
    known = [await _known(id, store) for id in (one, other)]
    one, other = (plan.store.workflow_id for plan, _ in known)
    runs = [await page.gathered(plan, said) for plan, said in known]
    if html is not None:
        with _file(html) as file:
            file.write(comparison.page(*runs).encode())
    if json:
        console.print_json(comparison.dumped(*runs))
    else:
        _sides(("", one, other), comparison.figures(*runs))
        settings = comparison.differing(*runs)
        _sides(("settings that differ", one, other), settings) if settings else print("settings: the same")
    if html is not None:
        console.note(f"page  {html.absolute()}")
    return 0


async def _known(id: str, store: str | None) -> tuple[OpenPlan, dict[str, Any]]:
    """A run's plan, and what it says of itself: its report, else its progress; only its report where no server is
    asked."""
    said: dict[str, Any] = {}
    if store is None:
        async with connected(start_embedded=False) as connection:
            handle = await attach(connection.client, id)
            id, store = handle.id, (await request_of(connection.client, handle)).output.store
            said = await state_of(handle)
            ended = said["status"] != "running"
    else:
        ended = True
    files = Store(store, id) if holds(store, id) else None
    plan = await plan_file.read(files) if files else None
    if files is None or plan is None:
        raise SetupError(f"{store} does not hold the plan of a run '{id}', or not yet")
    told = await files.get("report.json") if ended else None
    return plan, said | (json_.loads(told) if told else {})


async def _written(plan: OpenPlan, said: dict[str, Any], out: Path | None, *, anew: bool) -> str:
    """Where the page is: of an ended run it is there already, beside the artifact."""
    if out is None:
        there = not anew and said.get("verdict") and await plan.store.has(KEY)
        return plan.store.where(KEY) if there else await page.write_to_store(plan, said)
    with _file(out) as file:
        await page.write(plan, said, _Sink(file))
    return str(out.absolute())


class _Sink:
    """A file of this machine."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    async def write(self, data: bytes) -> None:
        self._file.write(data)


@contextmanager
def _file(path: Path) -> Generator[BinaryIO]:
    """A file that is there when it is whole; an older one is replaced."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise SetupError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)


def _sides(titles: tuple[str, str, str], lines: list[comparison.Line]) -> None:
    """Two runs side by side; what is not the same in both is bold."""
    shown = Table()
    for title in titles:
        shown.add_column(Text(title), overflow="fold")
    for line in lines:
        style = "bold" if line.differs else ""
        shown.add_row(line.name, Text(line.one, style), Text(line.other, style))
    Console(highlight=False).print(shown)
