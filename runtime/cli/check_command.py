"""`check`: validate a request and preview its run."""

from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from runtime.cli.app import Concurrency, Json, Overrides, RequestPath, list_overrides
from runtime.preview import preview, preview_text
from runtime.request.preflight import check_mlflow
from runtime.request.request_file import load_request
from runtime.text import console


async def check(
    request: RequestPath,
    /,
    *,
    set: Overrides = None,
    concurrency: Concurrency = None,
    id: Annotated[str | None, Parameter(help="the run's id, so that what it left in the store counts")] = None,
    prompt: Annotated[bool, Parameter(negative=(), help="also show what the first calls send, word for word")] = False,
    json: Json = False,
) -> int:
    """Validate a request and show its plan, the expected tokens and cost, and what the store already holds. No model is
    called."""
    checked = load_request(request, list_overrides(set, concurrency))
    await check_mlflow(checked.plan.request)
    summary = await preview.build_preview(checked, name=id, prompt=prompt)
    if json:
        console.print_json(summary)
    else:
        preview_text.print_preview(summary, Console(highlight=False))
    return 0
