"""The forms in which an artifact is written, each streamed from the store, and read back from it."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from activities.bound import Shelf
from activities.planfile import OpenPlan
from activities.store import Store
from quire.request import Format
from recipes.spine import Item


@dataclass(frozen=True)
class Bound:
    """What there is to be written."""

    plan: OpenPlan
    shelf: Shelf
    metadata: dict[str, Any]
    sections: dict[str, Any]
    beat: Callable[[int], None]
    """Called with every slot number that is passed."""

    async def items(self) -> AsyncIterator[Item]:
        """Finished items in slot order, each with its provenance."""
        for slot in self.plan.slots:
            row = await self.shelf.row(slot.number)
            if row is not None:
                self.beat(slot.number)
                provenance = row["provenance"] | self.shelf.kept.get(slot.number, {})
                yield {**self.plan.recipe.finished(row["item"], slot), "provenance": provenance}


ADDRESSES: dict[Format, str] = {"json": "artifact.json", "jsonl": "artifact.jsonl", "hf": "dataset"}
"""Where each form is; `hf` is a folder."""
_CARD = "dataset/README.md"
_ROWS = "dataset/data/train-00000-of-00001.jsonl"


async def write(kind: Format, bound: Bound, store: Store, *, into: str = "") -> None:
    """Write one form of the artifact, below `into`."""
    if kind == "json":
        await store.write(into + ADDRESSES[kind], _json(bound))
    elif kind == "jsonl":
        await store.write(into + ADDRESSES[kind], _jsonl(bound))
    else:
        await store.write(into + _ROWS, _jsonl(bound))
        await store.put(into + _CARD, _card(bound).encode())


async def _jsonl(bound: Bound) -> AsyncIterator[bytes]:
    async for item in bound.items():
        for line in bound.plan.recipe.lines(item):
            yield json.dumps(line, ensure_ascii=False).encode() + b"\n"


async def _json(bound: Bound) -> AsyncIterator[bytes]:
    yield b'{\n"metadata": ' + _dump(bound.metadata) + b',\n"' + bound.plan.recipe.noun.encode() + b'": [\n'
    first = True
    async for item in bound.items():
        yield (b"" if first else b",\n") + _dump(item)
        first = False
    parts = (b',\n"' + name.encode() + b'": ' + _dump(part) for name, part in bound.sections.items())
    yield b"\n]" + b"".join(parts) + b"\n}\n"


def _dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def _card(bound: Bound) -> str:
    said = bound.metadata
    made = "simulated text, not a model's" if said["simulated"] else f"made with {said['model']}"
    return (
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/train-*.jsonl\n---\n"
        f"# {bound.plan.recipe.name}\n\n{said['total']} {bound.plan.recipe.noun} of {said['target']}, {made}.\n"
    )


async def read_back(kind: Format, store: Store, noun: str) -> AsyncIterator[Item]:
    """The items of a written artifact, or its lines where the form has no items."""
    if kind == "json":
        for item in json.loads(await store.get(ADDRESSES[kind]) or b"{}")[noun]:
            yield item
        return
    async for line in store.lines(_ROWS if kind == "hf" else ADDRESSES[kind]):
        yield json.loads(line)
