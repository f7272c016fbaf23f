"""`artifact.json`: metadata, the items under the recipe's noun, and the recipe's sections, as one JSON document."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from activities.output.output_format import ArtifactContext, ArtifactEntry, OutputFormat
from activities.store.object_store import Store, StoreWriter
from recipes.base.recipe import Item


class JsonFormat(OutputFormat):
    """One JSON document, for programs that load the artifact at once."""

    address = file = "artifact.json"

    def __init__(self, context: ArtifactContext, writer: StoreWriter) -> None:
        super().__init__(context, writer)
        self._is_first = True

    async def begin(self) -> None:
        noun = self.context.recipe.noun.encode()
        await self.writer.write(b'{\n"metadata": ' + _encode(self.context.metadata) + b',\n"' + noun + b'": [\n')

    async def add_item(self, item: Item) -> None:
        await self.writer.write((b"" if self._is_first else b",\n") + _encode(item))
        self._is_first = False

    async def end(self, outlines: Sequence[Item]) -> list[str]:
        sections = self.context.recipe.sections(outlines)
        parts = (b',\n"' + name.encode() + b'": ' + _encode(section) for name, section in sections.items())
        await self.writer.write(b"\n]" + b"".join(parts) + b"\n}\n")
        return []

    @classmethod
    async def read_back(cls, store: Store, context: ArtifactContext) -> AsyncIterator[ArtifactEntry]:
        async for item in _parse_items(store.read_lines(cls.file), context.recipe.noun):
            yield ArtifactEntry(item.get("id", ""), item)

    @classmethod
    def get_entry_schema(cls, context: ArtifactContext) -> dict[str, Any]:
        return context.recipe.artifact_schema(context.slots)


async def _parse_items(lines: AsyncIterator[bytes], noun: str) -> AsyncIterator[Item]:
    """Yield the items one at a time. This relies on the layout that `JsonFormat` writes: the braces around an item are
    in the first column. Items in another layout, as after an edit by hand, are parsed as a whole at the end."""
    item: list[bytes] = []
    other_lines: list[bytes] = []
    in_items = False
    async for line in lines:
        if not in_items and line == f'"{noun}": ['.encode():
            in_items = True
            other_lines.append(line)
        elif in_items and (line == b"]" or line.startswith(b"],")):
            in_items = False
            other_lines.append(line)
        elif not in_items:
            other_lines.append(line)
        else:
            item.append(line)
            if line in (b"}", b"},"):
                yield json.loads(b"\n".join(item).removesuffix(b","))
                item.clear()
    for other_item in json.loads(b"\n".join(other_lines))[noun]:
        yield other_item


def _encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()
