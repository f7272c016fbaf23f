"""The plan file, `plan.jsonl`: a head line, then one line per slot; and the plans that a process has open."""

import asyncio
import json
import re
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from activities.errors import setup_error
from activities.store.object_store import Store
from quire.contracts import Job
from quire.lazy_sequence import LazySequence
from quire.progress import Group
from quire.request import Request
from quire.slots import Slot
from recipes.base.recipe import Recipe
from recipes.planning import Plan
from recipes.registry import find_recipe

PLAN_KEY = "plan.jsonl"
_MAX_OPEN_PLANS = 8
_SLOTS_PER_WRITE = 2000


class PlannedSlots(LazySequence[Slot]):
    """A plan's slots, each decoded from its line of the plan file when it is accessed."""

    def __init__(self, data: bytes, offsets: "array[int]") -> None:
        self._data = data
        self._offsets = offsets
        """Where each slot's line begins in the file, and where the last line ends."""

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def build_entry(self, position: int) -> Slot:
        return Slot.model_validate_json(self._data[self._offsets[position] : self._offsets[position + 1]])


@dataclass(frozen=True)
class OpenPlan:
    """A plan as read back from the store, for batches and for the assembly."""

    store: Store
    request: Request
    recipe: Recipe
    slots: Sequence[Slot]
    sizes: Sequence[int]
    """Slots per batch, in order: batch k, counted from 1, has `sizes[k - 1]` slots."""

    @property
    def compared_fields(self) -> tuple[str, ...]:
        """The fields by which items are compared for duplicates: those of the request, else those of the recipe."""
        return self.request.duplicates.fields or self.recipe.compared


async def write_plan(store: Store, plan: Plan) -> int:
    """Write a plan with the input texts of its recipe, and return the number of characters of all slots' briefs."""
    head = {
        "request": plan.request.model_dump(mode="json"),
        "texts": dict(plan.recipe.texts),
        "documents": dict(plan.recipe.documents),
        "sizes": plan.sizes,
        "after": plan.after,
        "groups": [group.model_dump(mode="json") for group in plan.groups],
    }
    brief_characters = 0
    async with store.open_writer(PLAN_KEY) as sink:
        await sink.write(json.dumps(head, ensure_ascii=False).encode() + b"\n")
        for start in range(0, len(plan.slots), _SLOTS_PER_WRITE):
            # in a thread: encoding 100,000 slots takes seconds, during which this process must stay responsive
            lines, characters = await asyncio.to_thread(_encode_slots, plan.slots, start)
            await sink.write(lines)
            brief_characters += characters
    return brief_characters


def _encode_slots(slots: Sequence[Slot], start: int) -> tuple[bytes, int]:
    block = slots[start : start + _SLOTS_PER_WRITE]
    lines = b"".join(slot.model_dump_json().encode() + b"\n" for slot in block)
    return lines, sum(len(slot.brief) for slot in block)


def missing_plan_message(store_address: str, workflow_id: str) -> str:
    """Return what is said if a plan that should be in the store is not there."""
    return (
        f"the plan of run '{workflow_id}' is not in the store {store_address}: it is not written yet, "
        "or this machine does not see the store of the run"
    )


async def open_plan(store: Store) -> OpenPlan | None:
    """Open the plan of a run; None if the store has no plan."""
    data = await store.get(PLAN_KEY)
    if data is None:
        return None
    line_ends = array("q", (match.end() for match in re.finditer(b"\n", data)))
    head = json.loads(data[: line_ends[0]])
    request = Request.model_validate(head["request"])
    recipe = find_recipe(request.recipe)(request, head["texts"], head["documents"])
    return OpenPlan(store, request, recipe, PlannedSlots(data, line_ends), head["sizes"])


async def read_plan(store: Store) -> Plan | None:
    """Read the plan of a run with its batches, to extend it or to continue the run; None if the store has no plan."""
    plan = await open_plan(store)
    if plan is None:
        return None
    head = json.loads((await store.get(PLAN_KEY) or b"{}").split(b"\n", 1)[0])
    groups = [Group.model_validate(group) for group in head.get("groups", [])]
    return Plan(plan.request, plan.recipe, plan.slots, head["sizes"], head.get("after", []), groups, [])


class PlanCache:
    """The plans that this process opened last, by run, so that not every batch reads the whole plan."""

    def __init__(self) -> None:
        self._open_plans: OrderedDict[tuple[str, str], OpenPlan] = OrderedDict()

    def forget(self, job: Job) -> None:
        """Drop the plan of a run, since it is being planned again or extended."""
        self._open_plans.pop((job.store, job.workflow_id), None)

    async def open_plan(self, job: Job) -> OpenPlan:
        """Return the run's plan. Raises a setup error if this worker cannot see the run's store."""
        run = (job.store, job.workflow_id)
        if run not in self._open_plans:
            store = Store(job.store, job.workflow_id)
            plan = await open_plan(store)
            if plan is None:
                raise setup_error(missing_plan_message(job.store, job.workflow_id))
            self._open_plans[run] = plan
            while len(self._open_plans) > _MAX_OPEN_PLANS:
                self._open_plans.popitem(last=False)
        return self._open_plans[run]
