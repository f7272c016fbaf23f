"""The command line itself, and the arguments that several commands take."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

app = App(name="starter.py", help="Make a big structured artifact with a language model, durably.", version_flags=[])

Json = Annotated[bool, Parameter(name="--json", negative=(), help="print JSON and nothing else")]
Overrides = Annotated[list[str] | None, Parameter(name="--set", negative=(), help="override a field: target=10")]
Concurrency = Annotated[int | None, Parameter(help="calls in flight: the same as --set batching.concurrency=N")]
Target = Annotated[Path, Parameter(help="the request, YAML or JSON")]
Id = Annotated[str, Parameter(help="the run's workflow id")]


def overrides(said: list[str] | None, concurrency: int | None, *, fresh: bool = False) -> list[str]:
    """`--set` and the options that are short for one, in one list."""
    width = [f"batching.concurrency={concurrency}"] if concurrency is not None else []
    return [*(said or []), *width, *(["reuse=false"] if fresh else [])]
