"""An artifact bound without a run: a plan, items that no model made, and what `bind` writes of them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from activities.assemble_artifact import bind
from activities.output.output_format import Bound
from activities.store import plan_file
from activities.store.batch_files import open_shelf, written
from activities.store.object_store import Store
from activities.verify_artifact import problems_of
from quire.request import Format, Request
from runtime.request import request_file
from tests.conftest import ROOT

SOURCE = {"source": "model", "model": "m", "batch": "1", "attempt": 1, "simulated": False}
FACTS = {"verdict": "complete", "batches": 1, "usage": {}, "simulated": False, "started": "2026-03-01T10:00:00+00:00"}
ALL: tuple[Format, ...] = ("json", "jsonl", "csv", "parquet", "hf", "markdown", "docx")
RUN = "run"


def custom(item: dict[str, Any], keys: Sequence[str], **inputs: Any) -> dict[str, Any]:
    """A request for items of one's own."""
    said = {"item": item, "instructions": "Make.", "prompt": "one", "slots": {"list": list(keys)}}
    return {"recipe": "custom", "inputs": said | inputs}


class Made:
    """A bound artifact in a folder."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(str(folder), RUN)
        self.folder = folder / RUN
        self.said: list[str] = []

    async def fill(self, request: dict[str, Any], items: Sequence[dict[str, Any]]) -> "Made":
        """Lay the request out, and put items into the store as if they had been made; None leaves a slot open."""
        laid = request_file.checked(request, ROOT / "examples").plan
        await plan_file.write(self.store, laid)
        rows = [
            {"slot": n, "item": {"slot": n, **item}, "provenance": SOURCE} for n, item in enumerate(items, 1) if item
        ]
        await self.store.put("batches/1.jsonl", written(rows, None))
        return self

    async def bind(self, *formats: Format) -> "Made":
        """Write these forms."""
        plan = await self._plan(formats)
        _, self.said = await bind(plan, await open_shelf(self.store), self.store, FACTS)
        return self

    async def problems(self, form: Format, expected: int | None = None) -> list[str]:
        """What the check of one form says."""
        plan = await self._plan((form,))
        items = len(await open_shelf(self.store)) if expected is None else expected
        return await problems_of(form, self.store, Bound(plan.recipe, plan.slots, {}, RUN, None), items)

    async def _plan(self, formats: Sequence[Format]) -> plan_file.OpenPlan:
        plan = await plan_file.read(self.store)
        assert plan is not None
        said = plan.request.model_dump(mode="json") | {"output": {"formats": list(formats)}}
        return replace(plan, request=Request.model_validate(said))
