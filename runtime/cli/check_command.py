"""`check`: validate a request and preview its run."""

from typing import Annotated

from cyclopts import Parameter

from runtime.cli.app import AllowedPaths, Concurrency, Json, Overrides, RequestPath, list_overrides
from runtime.preview import preview, preview_text
from runtime.request.preflight import check_mlflow
from runtime.request.request_file import load_request
from runtime.request.store_probe import find_store_fault
from runtime.temporal.runs import validate_new_id
from runtime.text import console
from runtime.text.terminal import TextConsole


async def check(
    request: RequestPath,
    /,
    *,
    set: Overrides = None,
    allow_path: AllowedPaths = None,
    concurrency: Concurrency = None,
    id: Annotated[str | None, Parameter(help="the run's id, so that what it left in the store counts")] = None,
    prompt: Annotated[bool, Parameter(negative=(), help="also show what the first calls send, word for word")] = False,
    json: Json = False,
) -> int:
    """Validate a request and show its plan, the expected tokens and cost, and what the store already holds. No model is
    called."""
    if id is not None:
        validate_new_id(id)
    checked = load_request(request, list_overrides(set, concurrency), allow_path or ())
    await check_mlflow(checked.plan.request)
    summary = await preview.build_preview(checked, name=id, prompt=prompt)
    store_fault = await find_store_fault(checked.request.output.store)
    if json:
        console.print_json(summary | {"store_fault": store_fault})
    else:
        preview_text.print_preview(summary, TextConsole())
    if store_fault:
        console.print_note(f"error: {store_fault}")
    return 2 if store_fault else 0
