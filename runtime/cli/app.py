"""The command line itself: its commands, none imported before it is called, and arguments that several of them take."""

import ast
from pathlib import Path
from typing import Annotated, TypeVar

from cyclopts import App, Parameter, default_name_transform

from runtime.cli.command_index import functions

HOLDING = (
    "run_commands", "completion_command", "doctor_command", "failed_command", "init_command", "list_command",
    "resume_commands", "report_commands", "schema_command", "control_commands", "slot_commands", "mlflow_command",
)  # fmt: skip
"""Modules beside this one whose functions marked `@command` are commands."""
GROUPS = {
    "recipes": ("recipe_commands", "The recipes there are, what they take, and a starting file of one's own."),
    "topics": ("topic_commands", "Topic trees: stamp one with UUIDs, or grow one with the model."),
}
"""Commands that have commands of their own: the module that holds the one of this name, and what `--help` says."""

Json = Annotated[bool, Parameter(name="--json", negative=(), help="print JSON and nothing else")]
Overrides = Annotated[list[str] | None, Parameter(name="--set", negative=(), help="override a field: target=10")]
Concurrency = Annotated[int | None, Parameter(help="calls in flight: the same as --set batching.concurrency=N")]
Rank = Annotated[int | None, Parameter(help="1, which goes first, to 5; a run without one has 3")]
Target = Annotated[Path, Parameter(help="the request, YAML or JSON")]
Id = Annotated[str, Parameter(help="the run's id, the beginning of it, or `last`")]

Work = TypeVar("Work")


def command(work: Work) -> Work:
    """Mark a coroutine as a command: `--help` shows its name and its docstring."""
    return work


def commands_in(module: str) -> dict[str, str]:
    """The functions marked `@command` and their docstrings, read from the source: an import takes a second."""
    return {part.name: ast.get_docstring(part) or "" for part in functions(module)}


def command_line() -> App:
    """`starter.py` with all its commands."""
    said = "Make a big structured artifact with a language model, durably."
    # Texts are plain; the Markdown in which cyclopts would show them is a tenth of a second of imports.
    app = App(name="starter.py", help=said, help_format="plaintext", version_flags=[])
    for module in HOLDING:
        for name, told in commands_in(module).items():
            app.command(f"{__package__}.{module}:{name}", name=default_name_transform(name), help=told)
    for name, (module, told) in GROUPS.items():
        app.command(f"{__package__}.{module}:{name}", name=name, help=told)
    return app


def overrides(said: list[str] | None, concurrency: int | None, *, fresh: bool = False) -> list[str]:
    """`--set` and the options that are short for one, in one list."""
    width = [f"batching.concurrency={concurrency}"] if concurrency is not None else []
    return [*(said or []), *width, *(["reuse=false"] if fresh else [])]
