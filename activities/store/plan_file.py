"""The plan as it lies in the store: a head line, then one line per slot."""

import asyncio
import json
import re
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from activities.model.http_errors import setup_error
from activities.store.object_store import Store
from quire.contracts import Job
from quire.lazy_sequence import Lazily
from quire.progress import Group
from quire.request import Request
from quire.slots import Slot
from recipes.base.recipe import Recipe
from recipes.planning import Plan, kind

KEY = "plan.jsonl"
TEXT = "plan.text.json"
"""Whether the worker that laid the run out had a model for it, or simulates."""
_CACHED = 8
_BLOCK = 2000
"""Slots that are made at a time."""


class Slots(Lazily[Slot]):
    """A plan's slots, made from the lines of its file."""

    def __init__(self, data: bytes, lines: "array[int]") -> None:
        self._data, self._lines = data, lines
        """The plan's file, and where each slot's line begins."""

    def __len__(self) -> int:
        return len(self._lines) - 1

    def made(self, at: int) -> Slot:
        return Slot.model_validate_json(self._data[self._lines[at] : self._lines[at + 1]])


@dataclass(frozen=True)
class OpenPlan:
    """A plan read back: what a batch or the assembly needs."""

    store: Store
    request: Request
    recipe: Recipe
    slots: Sequence[Slot]
    sizes: Sequence[int]
    """Batch k, from 1, holds the next `sizes[k - 1]` slots."""
    simulated: bool | None = None
    """Whether the run's text is the offline simulator's; None of a run that was laid out before this was noted."""

    @property
    def compared(self) -> tuple[str, ...]:
        """Fields by which items are twins: as the request says, else as the recipe does."""
        return self.request.duplicates.fields or self.recipe.compared


async def write(store: Store, plan: Plan) -> int:
    """Put a plan into the store, with the texts that its recipe was made from; characters of all briefs together."""
    head = {
        "request": plan.request.model_dump(mode="json"),
        "texts": dict(plan.recipe.texts),
        "documents": dict(plan.recipe.documents),
        "sizes": plan.sizes,
        "after": plan.after,
        "groups": [group.model_dump(mode="json") for group in plan.groups],
    }
    briefs = 0
    async with store.writer(KEY) as sink:
        await sink.write(json.dumps(head, ensure_ascii=False).encode() + b"\n")
        for start in range(0, len(plan.slots), _BLOCK):
            # made in a thread: a hundred thousand slots are seconds in which this process must answer others
            lines, characters = await asyncio.to_thread(_lines, plan.slots, start)
            await sink.write(lines)
            briefs += characters
    return briefs


def _lines(slots: Sequence[Slot], start: int) -> tuple[bytes, int]:
    block = slots[start : start + _BLOCK]
    lines = b"".join(slot.model_dump_json().encode() + b"\n" for slot in block)
    return lines, sum(len(slot.brief) for slot in block)


async def read(store: Store) -> OpenPlan | None:
    """The plan of a store, or None where there is none."""
    data = await store.get(KEY)
    if data is None:
        return None
    ends = array("q", (found.end() for found in re.finditer(b"\n", data)))
    said = json.loads(data[: ends[0]])
    request = Request.model_validate(said["request"])
    recipe = kind(request)(request, said["texts"], said["documents"])
    text = json.loads(await store.get(TEXT) or b"{}")
    return OpenPlan(store, request, recipe, Slots(data, ends), said["sizes"], text.get("simulated"))


async def laid(store: Store) -> Plan | None:
    """The plan of a store with its batches, to be gone on with; None where there is none."""
    found = await read(store)
    if found is None:
        return None
    head = json.loads((await store.get(KEY) or b"{}").split(b"\n", 1)[0])
    groups = [Group.model_validate(group) for group in head.get("groups", [])]
    return Plan(found.request, found.recipe, found.slots, head["sizes"], head.get("after", []), groups, [])


class Plans:
    """Plans by run, read once per process: a batch must not read a whole plan again."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[str, str], OpenPlan] = OrderedDict()

    def forget(self, job: Job) -> None:
        """A run of this id is laid out anew."""
        self._open.pop((job.store, job.workflow_id), None)

    async def read(self, job: Job) -> OpenPlan:
        """The run's plan; raises a SetupError where this worker does not see the run's store."""
        known = (job.store, job.workflow_id)
        if known not in self._open:
            store = Store(job.store, job.workflow_id)
            found = await read(store)
            if found is None:
                raise setup_error(f"{store.where(KEY)} is missing: this worker does not see the run's store")
            self._open[known] = found
            while len(self._open) > _CACHED:
                self._open.popitem(last=False)
        return self._open[known]
