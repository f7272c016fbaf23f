"""`doctor`: look at all that a run needs, and say what is wrong with the command that mends it."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from quire.request import ModelChoice, Request
from runtime import logs
from runtime.cli.app import Json, command
from runtime.doctor import endpoint_checks, local_checks, server_checks
from runtime.doctor.finding import Remark, bounded
from runtime.errors import SetupError
from runtime.request.preflight import endpoints_of
from runtime.request.request_file import load
from runtime.text import console
from runtime.text.plain_table import columns, put

STYLES = {"ok": "green", "note": "yellow", "wrong": "bold red"}


@command
async def doctor(
    request: Annotated[Path | None, Parameter(help="a request: its endpoints and its store are looked at")] = None,
    /,
    *,
    store: Annotated[str | None, Parameter(help="the store to look at: a folder, or s3://bucket/prefix")] = None,
    call: Annotated[bool, Parameter(negative=(), help="make a small call of the model, a fraction of a cent")] = False,
    json: Json = False,
) -> int:
    """Look at packages, server, worker, endpoint, key and store, and say what mends what is wrong: exit code 2.

    No server is started, and a model is called only by --call; the offline simulator is called in any case.
    """
    logs.configure()
    remarks: list[Remark] = []
    said: Request | None = None
    if request is not None:
        try:
            said = load(request).request
        except SetupError as error:
            remarks.append(Remark("request", "wrong", str(error), f"mend {request}"))
        else:
            remarks.append(Remark("request", "ok", str(request)))
    remarks += await _looked(said, store, call=call)
    wrong = sum(remark.state == "wrong" for remark in remarks)
    if json:
        console.print_json({"ok": not wrong, "checks": [asdict(remark) for remark in remarks]})
    else:
        _print(remarks)
        print("all is well" if not wrong else f"{wrong} to be mended")
    return 2 if wrong else 0


async def _looked(request: Request | None, store: str | None, *, call: bool) -> list[Remark]:
    """All looks, side by side."""
    models = endpoints_of(request) if request else [ModelChoice()]
    root = store or (request.output.store if request else "runs")
    where = "--store" if store else "of the request" if request else "where requests name none"
    looks = [
        bounded("Python", local_checks.python, ""),
        bounded("packages", local_checks.packages, "uv sync"),
        bounded("server", server_checks.server, "look at its address and at the network between"),
        *(
            bounded(
                "endpoint",
                lambda model=model: endpoint_checks.endpoint(model, call=call),
                "look at its address and at the network between",
            )
            for model in models
        ),
        bounded("store", lambda: local_checks.store(root, where), "look at its address and at the network between"),
    ]
    return [remark for found in await asyncio.gather(*looks) for remark in found]


def _print(remarks: Sequence[Remark]) -> None:
    shown = columns(header=False)
    shown.add_column(no_wrap=True)
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    for remark in remarks:
        shown.add_row(Text(remark.state, STYLES[remark.state]), Text(remark.what), Text(remark.said))
        for line in remark.mend.split("; ") if remark.mend else ():
            shown.add_row("", "", Text(f"-> {line}", "bold" if remark.state == "wrong" else ""))
    put(shown)
