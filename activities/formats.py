"""The forms in which an artifact is written, all in one pass over the items, and read back from it."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from activities.store import Store, Writer
from quire.request import Format
from recipes.spine import Item, Recipe

ADDRESSES: dict[Format, str] = {"json": "artifact.json", "jsonl": "artifact.jsonl", "hf": "dataset"}
"""Where each form is; `hf` is a folder."""
_CARD = "dataset/README.md"
_FILES: dict[Format, str] = {
    "json": "artifact.json",
    "jsonl": "artifact.jsonl",
    "hf": "dataset/data/train-00000-of-00001.jsonl",
}
"""The file that holds the items."""


@dataclass(frozen=True)
class Bound:
    """What there is to be written beside the items."""

    recipe: Recipe
    metadata: Mapping[str, Any]
    target: int


class Forms:
    """The open files of an artifact; items are added in slot order."""

    def __init__(self, bound: Bound, files: Mapping[Format, Writer]) -> None:
        self._bound, self._files = bound, files
        self._first = True

    async def begin(self) -> None:
        """Write what goes before the items."""
        if "json" in self._files:
            noun = self._bound.recipe.noun.encode()
            head = b'{\n"metadata": ' + _dump(self._bound.metadata) + b',\n"' + noun + b'": [\n'
            await self._files["json"].write(head)

    async def add(self, item: Item) -> None:
        """Write a finished item."""
        by_line = [file for kind, file in self._files.items() if kind != "json"]
        lines = b"".join(_line(line) for line in self._bound.recipe.lines(item)) if by_line else b""
        for file in by_line:
            await file.write(lines)
        if "json" in self._files:
            await self._files["json"].write((b"" if self._first else b",\n") + _dump(item))
        self._first = False

    async def end(self, sections: Mapping[str, Any]) -> None:
        """Write what goes after them."""
        if "json" in self._files:
            parts = (b',\n"' + name.encode() + b'": ' + _dump(part) for name, part in sections.items())
            await self._files["json"].write(b"\n]" + b"".join(parts) + b"\n}\n")


@asynccontextmanager
async def opened(kinds: Sequence[Format], bound: Bound, store: Store, *, into: str = "") -> AsyncGenerator[Forms]:
    """The forms of an artifact, below `into`; they are whole when the block ends."""
    async with AsyncExitStack() as stack:
        files: dict[Format, Writer] = {
            kind: await stack.enter_async_context(store.writer(into + _FILES[kind])) for kind in kinds
        }
        if "hf" in kinds:
            await store.put(into + _CARD, _card(bound).encode())
        forms = Forms(bound, files)
        await forms.begin()
        yield forms


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def _dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def _card(bound: Bound) -> str:
    said = bound.metadata
    made = "simulated text, not a model's" if said["simulated"] else f"made with {said['model']}"
    return (
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/train-*.jsonl\n---\n"
        f"# {bound.recipe.name}\n\n{said['total']} {bound.recipe.noun} of {said['target']}, {made}.\n"
    )


async def read_back(kind: Format, store: Store, noun: str) -> AsyncIterator[Item]:
    """The items of a written artifact, or its lines where the form has no items; one is held at a time. Raises
    ValueError where it is not what was to be written."""
    if kind != "json":
        async for line in store.lines(_FILES[kind]):
            yield json.loads(line)
        return
    item: list[bytes] = []
    rest: list[bytes] = []
    inside = False
    async for line in store.lines(_FILES[kind]):  # an item begins and ends with a brace in the first column
        if not inside and line == f'"{noun}": ['.encode():
            inside = True
            rest.append(line)
        elif inside and (line == b"]" or line.startswith(b"],")):
            inside = False
            rest.append(line)
        elif not inside:
            rest.append(line)
        else:
            item.append(line)
            if line in (b"}", b"},"):
                yield json.loads(b"\n".join(item).removesuffix(b","))
                item.clear()
    for other in json.loads(b"\n".join(rest))[noun]:  # written by another hand
        yield other
