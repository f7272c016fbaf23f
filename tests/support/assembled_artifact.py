"""An artifact written without a run: a plan, items that no model made, and the files written from them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from activities.assemble_artifact import write_artifact
from activities.output.output_format import ArtifactContext
from activities.store import plan_file
from activities.store.batch_files import batch_key, encode_batch_file
from activities.store.item_index import open_item_index
from activities.store.object_store import Store
from activities.verify_artifact import find_problems
from quire.request import Format, Request
from runtime.paths import ROOT
from runtime.request import request_file

SOURCE = {"source": "model", "model": "m", "batch": "1", "attempt": 1, "simulated": False}
FACTS = {"verdict": "complete", "batches": 1, "usage": {}, "simulated": False, "started": "2026-03-01T10:00:00+00:00"}
ALL: tuple[Format, ...] = ("json", "jsonl", "csv", "parquet", "hf", "markdown", "docx")
RUN = "run"


def custom_request(item: dict[str, Any], keys: Sequence[str], **inputs: Any) -> dict[str, Any]:
    """Return a request of the recipe `custom` for items of this schema."""
    fields = {"item": item, "instructions": "Make.", "prompt": "one", "slots": {"list": list(keys)}}
    return {"recipe": "custom", "inputs": fields | inputs}


class AssembledArtifact:
    """The store of a run in a folder, and the artifact written from it."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(str(folder), RUN)
        self.folder = folder / RUN
        self.warnings: list[str] = []

    async def fill(self, request: dict[str, Any], items: Sequence[dict[str, Any]]) -> "AssembledArtifact":
        """Lay the request out and store items as if a model had made them; an empty item leaves its slot open."""
        plan = request_file.check_mapping(request, ROOT / "examples").plan
        await plan_file.write_plan(self.store, plan)
        rows = [
            {"slot": n, "item": {"slot": n, **item}, "provenance": SOURCE} for n, item in enumerate(items, 1) if item
        ]
        await self.store.put(batch_key(1), encode_batch_file(rows, None))
        return self

    async def assemble(self, *formats: Format) -> "AssembledArtifact":
        """Write the artifact in these formats."""
        plan = await self._open_plan(formats)
        _, self.warnings = await write_artifact(plan, await open_item_index(self.store), self.store, FACTS)
        return self

    async def find_problems(self, form: Format, expected: int | None = None) -> list[str]:
        """Return what the verification of one format reports."""
        plan = await self._open_plan((form,))
        items = len(await open_item_index(self.store)) if expected is None else expected
        return await find_problems(form, self.store, ArtifactContext(plan.recipe, plan.slots, {}, RUN, None), items)

    async def _open_plan(self, formats: Sequence[Format]) -> plan_file.OpenPlan:
        plan = await plan_file.open_plan(self.store)
        assert plan is not None
        fields = plan.request.model_dump(mode="json") | {"output": {"formats": list(formats)}}
        return replace(plan, request=Request.model_validate(fields))
