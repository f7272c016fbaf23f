"""`topics`: give a tree's lines their UUIDs, or grow a tree with the model."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from activities.documents.input_files import read_input_file
from activities.store.object_store import Store
from recipes.base.recipe import InputError
from recipes.topics.topic_tree import stamp_uuids
from runtime.cli.app import Json, RunPriority
from runtime.errors import SetupError
from runtime.request.request_file import check_mapping
from runtime.session.run_session import run_request
from runtime.temporal import run_priority
from runtime.text import console

topics = App(name="topics")


@topics.command
async def stamp(file: Path, /) -> int:
    """Give every line of a topic tree that has no leaf_uuid a new one; existing ones stay."""
    try:
        text, count = stamp_uuids(read_input_file(file, "topics"), str(file))
    except InputError as error:
        raise SetupError(str(error)) from None
    if count:
        _replace_text(file, text)
    print(f"{file}: {count:,} lines stamped")
    return 0


def _replace_text(file: Path, text: str) -> None:
    """Replace a file's text completely or not at all: earlier datasets are keyed by the UUIDs in it."""
    try:
        with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as new:
            new.write(text)
        shutil.copymode(file, new.name)
        os.replace(new.name, file)
    except OSError as error:
        raise SetupError(f"{file} cannot be written: {error.strerror}") from None


@topics.command
async def build(
    *,
    topic: Annotated[str, Parameter(help="the topic at the root")],
    depth: Annotated[int, Parameter(help="levels below the root")] = 3,
    degree: Annotated[int, Parameter(help="subtopics of each topic")] = 4,
    output: Annotated[Path, Parameter(help="the file that the tree is written to")] = Path("topics.jsonl"),
    model: Annotated[str | None, Parameter(help="the model's name")] = None,
    instructions: Annotated[str, Parameter(help="what the tree is for")] = "",
    store: Annotated[str, Parameter(help="the store")] = "runs",
    id: Annotated[str | None, Parameter(help="the run's id; the id of an existing run continues it")] = None,
    priority: RunPriority = None,
    json: Json = False,
) -> int:
    """Grow a topic tree with the model, as a run like any other, and write its leaves with their UUIDs."""
    run_priority.validate_priority(priority)
    if output.exists():
        raise SetupError(f"{output} already exists, and its UUIDs must stay; choose another --output or remove it")
    request: dict[str, Any] = {
        "recipe": "topic_tree",
        "inputs": {"topic": topic, "depth": depth, "degree": degree, "instructions": instructions},
        "output": {"store": str(Path(store).absolute()) if "://" not in store else store},
        **({"model": {"name": model}} if model else {}),
    }
    checked = check_mapping(request)
    code, result = await run_request(checked, Path(f"{topic}.yaml"), id=id, priority=priority, json=json)
    if result is not None and result.verdict == "complete":
        tree = await Store(checked.request.output.store, result.workflow_id).get("artifact.jsonl")
        output.write_bytes(tree or b"")
        console.print_note(f"tree      {output}")
    return code
