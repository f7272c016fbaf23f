"""`doctor`: check all that a run needs, and name the command that fixes what is wrong."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from quire.request import ModelChoice, Request
from runtime import logs
from runtime.cli.app import Json
from runtime.doctor import endpoint_checks, local_checks, server_checks
from runtime.doctor.finding import Finding, run_check
from runtime.errors import SetupError
from runtime.request.preflight import list_endpoints
from runtime.request.request_file import load_request
from runtime.text import console
from runtime.text.plain_table import create_plain_table, print_plain_table

STYLES = {"ok": "green", "note": "yellow", "wrong": "bold red"}
NETWORK_FIX = "check its address and the network in between"


async def doctor(
    request: Annotated[Path | None, Parameter(help="a request: its endpoints and its store are checked")] = None,
    /,
    *,
    store: Annotated[str | None, Parameter(help="the store to check: a folder, or s3://bucket/prefix")] = None,
    call: Annotated[bool, Parameter(negative=(), help="make a small call of the model, a fraction of a cent")] = False,
    json: Json = False,
) -> int:
    """Check packages, server, worker, endpoint, key and store, and say how to fix what is wrong: exit code 2. No server
    is started, and only --call calls a model; without an endpoint, the offline simulator is called."""
    logs.configure_logging()
    findings: list[Finding] = []
    checked: Request | None = None
    if request is not None:
        try:
            checked = load_request(request).request
        except SetupError as error:
            findings.append(Finding("request", "wrong", str(error), f"correct {request}"))
        else:
            findings.append(Finding("request", "ok", str(request)))
    findings += await _run_checks(checked, store, call=call)
    faults = sum(finding.state == "wrong" for finding in findings)
    if json:
        console.print_json({"ok": not faults, "checks": [finding.to_json() for finding in findings]})
    else:
        _print_findings(findings)
        print(f"{faults} to be fixed" if faults else "all is well")
    return 2 if faults else 0


async def _run_checks(request: Request | None, store: str | None, *, call: bool) -> list[Finding]:
    """Run all checks side by side."""
    models = list_endpoints(request) if request else [ModelChoice()]
    root = store or (request.output.store if request else "runs")
    origin = "--store" if store else "of the request" if request else "the default of requests"
    checks = [
        run_check("Python", local_checks.check_python, ""),
        run_check("packages", local_checks.check_packages, "uv sync"),
        run_check("server", server_checks.check_server, NETWORK_FIX),
        *(
            run_check("endpoint", lambda model=model: endpoint_checks.check_endpoint(model, call=call), NETWORK_FIX)
            for model in models
        ),
        run_check("store", lambda: local_checks.check_store(root, origin), NETWORK_FIX),
    ]
    return [finding for findings in await asyncio.gather(*checks) for finding in findings]


def _print_findings(findings: Sequence[Finding]) -> None:
    table = create_plain_table(header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        style = STYLES[finding.state]
        table.add_row(Text(finding.state, style), Text(finding.subject), Text(finding.message))
        for line in finding.fix.split("; ") if finding.fix else ():
            table.add_row("", "", Text(f"-> {line}", "bold" if finding.state == "wrong" else ""))
    print_plain_table(table)
