"""`artifact.jsonl`, a line for each item; and `dataset/`, the same as a folder that `datasets.load_dataset` reads."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from activities.output.output_format import Bound, Entry, Form, line, own_lines
from activities.store.object_store import Store
from recipes.base.recipe import Item


class LinesForm(Form):
    """JSON Lines, as the recipe wants them."""

    address = file = "artifact.jsonl"

    async def add(self, item: Item) -> None:
        await self.out.write(b"".join(line(said) for said in self.bound.recipe.lines(item)))

    @classmethod
    async def read_back(cls, store: Store, bound: Bound) -> AsyncIterator[Entry]:
        nameless = own_lines(bound.recipe)
        async for written in store.lines(cls.file):
            said = json.loads(written)
            yield Entry(None if nameless else said.get("id", ""), said)

    @classmethod
    def schema(cls, bound: Bound) -> dict[str, Any]:
        return bound.recipe.line_schema(bound.slots)


class DatasetForm(LinesForm):
    """A dataset of Hugging Face's `datasets`, with its card."""

    address = "dataset"
    file = "dataset/data/train-00000-of-00001.jsonl"

    def beside(self) -> Mapping[str, bytes]:
        said, recipe = self.bound.metadata, self.bound.recipe
        made = "simulated text, not a model's" if said["simulated"] else f"made with {said['model']}"
        card = (
            "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/train-*.jsonl\n"
            f"---\n# {recipe.name}\n\n{said['total']} {recipe.noun} of {said['target']}, {made}.\n"
        )
        return {"dataset/README.md": card.encode()}
