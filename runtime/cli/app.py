"""The command line: an app that imports a command only when it is called, and parameters that commands share."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from runtime.cli.command_table import COMMANDS

Json = Annotated[bool, Parameter(name="--json", negative=(), help="print JSON and nothing else")]
Overrides = Annotated[list[str] | None, Parameter(name="--set", negative=(), help="override a field: target=10")]
Concurrency = Annotated[int | None, Parameter(help="calls in flight, short for --set batching.concurrency=N")]
RunPriority = Annotated[int | None, Parameter(help="1, the highest, to 5; a run without one has 3")]
AllowedPaths = Annotated[
    list[Path] | None, Parameter(name="--allow-path", negative=(), help="a folder whose files the request may name")
]
RequestPath = Annotated[Path, Parameter(help="the request, YAML or JSON")]
RunId = Annotated[str, Parameter(help="the run's id, the beginning of it, or `last`")]


def build_command_line() -> App:
    """Return the app of `starter.py` with all its commands."""
    # Help texts are plain: showing them as Markdown would take a tenth of a second of imports.
    description = "Generate a big structured artifact with a language model, durably."
    app = App(name="starter.py", help=description, help_format="plaintext", version_flags=[])
    for name, command in COMMANDS.items():
        if " " not in name:  # the commands of a group are registered by the group's module
            app.command(f"{__package__}.{command.target}", name=name, help=command.help)
    return app


def list_overrides(settings: list[str] | None, concurrency: int | None, *, fresh: bool = False) -> list[str]:
    """Return the values of `--set` and of the options that are short for one, as `field=value`."""
    short = [f"batching.concurrency={concurrency}"] if concurrency is not None else []
    return [*(settings or []), *short, *(["reuse=false"] if fresh else [])]
