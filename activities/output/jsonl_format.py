"""`artifact.jsonl`, one line per item; and `dataset/`, a folder that `datasets.load_dataset` reads."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from activities.output.output_format import (
    ArtifactContext,
    ArtifactEntry,
    OutputFormat,
    encode_json_line,
    has_own_lines,
)
from activities.store.object_store import Store
from recipes.base.recipe import Item


class JsonlFormat(OutputFormat):
    """JSON Lines: each item gives the lines that its recipe makes of it, by default one."""

    address = file = "artifact.jsonl"

    async def add_item(self, item: Item) -> None:
        await self.writer.write(b"".join(encode_json_line(line) for line in self.context.recipe.to_lines(item)))

    @classmethod
    async def read_back(cls, store: Store, context: ArtifactContext) -> AsyncIterator[ArtifactEntry]:
        without_id = has_own_lines(context.recipe)
        async for data in store.read_lines(cls.file):
            line = json.loads(data)
            yield ArtifactEntry(None if without_id else line.get("id", ""), line)

    @classmethod
    def get_entry_schema(cls, context: ArtifactContext) -> dict[str, Any]:
        return context.recipe.line_schema(context.slots)


class HuggingFaceFormat(JsonlFormat):
    """A dataset for Hugging Face's `datasets`: JSON Lines and a dataset card."""

    address = "dataset"
    file = "dataset/data/train-00000-of-00001.jsonl"

    def create_extra_files(self) -> Mapping[str, bytes]:
        metadata, recipe = self.context.metadata, self.context.recipe
        origin = "simulated text, not a model's" if metadata["simulated"] else f"made with {metadata['model']}"
        card = (
            "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/train-*.jsonl\n"
            f"---\n# {recipe.name}\n\n{metadata['total']} {recipe.noun} of {metadata['target']}, {origin}.\n"
        )
        return {"dataset/README.md": card.encode()}
