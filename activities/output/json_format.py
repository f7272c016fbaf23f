"""`artifact.json`: metadata, the items under the recipe's noun, and the recipe's sections, as one JSON document."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from activities.output.output_format import Bound, Entry, Form
from activities.store.object_store import Store, Writer
from recipes.base.recipe import Item


class JsonForm(Form):
    """The whole, for a program that reads it at once."""

    address = file = "artifact.json"

    def __init__(self, bound: Bound, file: Writer) -> None:
        super().__init__(bound, file)
        self._first = True

    async def begin(self) -> None:
        noun = self.bound.recipe.noun.encode()
        await self.out.write(b'{\n"metadata": ' + _dump(self.bound.metadata) + b',\n"' + noun + b'": [\n')

    async def add(self, item: Item) -> None:
        await self.out.write((b"" if self._first else b",\n") + _dump(item))
        self._first = False

    async def end(self, outlines: Sequence[Item]) -> list[str]:
        sections = self.bound.recipe.sections(outlines)
        parts = (b',\n"' + name.encode() + b'": ' + _dump(part) for name, part in sections.items())
        await self.out.write(b"\n]" + b"".join(parts) + b"\n}\n")
        return []

    @classmethod
    async def read_back(cls, store: Store, bound: Bound) -> AsyncIterator[Entry]:
        async for item in _items(store.lines(cls.file), bound.recipe.noun):
            yield Entry(item.get("id", ""), item)

    @classmethod
    def schema(cls, bound: Bound) -> dict[str, Any]:
        return bound.recipe.finished_schema(bound.slots)


async def _items(lines: AsyncIterator[bytes], noun: str) -> AsyncIterator[Item]:
    """The items one by one, since this form is of our own writing: an item begins and ends with a brace in the first
    column."""
    item: list[bytes] = []
    rest: list[bytes] = []
    inside = False
    async for line in lines:
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


def _dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()
