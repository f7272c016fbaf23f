"""The calls that a run would make, and which of them already have an answer in the store. No model is called."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any
from uuid import uuid4

from activities.model.batch_context import preparation_key
from activities.model.endpoints import Endpoints
from activities.model.prompt import BatchCall, build_batch_call, call_digest, question_body
from activities.store.answers import SHARED_ANSWERS, Answer, answer_key, find_paying_run, find_shared_answer
from activities.store.batch_files import batch_key, encode_batch_file
from activities.store.object_store import Store, StoreError, may_hold_run
from activities.store.plan_file import OpenPlan
from quire.request import ModelChoice
from quire.schedule import Schedule
from quire.slots import Batch
from recipes.planning import Plan

SEARCH_SECONDS = 5.0
"""Seconds after which no further batch is searched for."""
_PARALLEL_SEARCHES = 16


@dataclass
class ReuseResult:
    """The answers that were found in the store.

    A batch cannot be searched for if its prompt shows the items of an earlier batch that has no answer; it counts as
    one to be generated, like the earlier batch.
    """

    looked_at: int = 0
    """Batches that were searched for."""
    batches: set[int] = field(default_factory=set[int])
    """Numbers of the batches that have an answer."""
    items: int = 0
    """Valid items in these answers."""
    runs: set[str] = field(default_factory=set[str])
    """The runs that paid for these answers."""
    why: str = ""
    """Why the search was not possible or not complete."""


class Rehearsal:
    """The calls of a run in the order of its plan, built as the run would build them, and answered from the store.

    The items of these answers are kept in memory, for the prompts that show them. `name` is the run's id, if it is
    known.
    """

    def __init__(self, plan: Plan, name: str | None) -> None:
        root = plan.request.output.store
        has_shared = plan.request.reuse and may_hold_run(root, SHARED_ANSWERS)
        self._endpoints = Endpoints().of_run(plan.request)
        self._shared = Store(root, SHARED_ANSWERS) if has_shared else None
        self._own = Store(root, name) if name and may_hold_run(root, name) else None
        self._name = name
        self._memory = Store("memory:///", uuid4().hex)
        self._plan = OpenPlan(self._memory, plan.request, plan.recipe, plan.slots, plan.sizes)
        self._starts = [0, *accumulate(plan.sizes)]
        self._schedule = Schedule(sizes=plan.sizes, after=plan.after)
        self.result = ReuseResult()
        self.prepared = False
        """True if the answers of the planning model are known."""

    def describe_endpoint(self, model: ModelChoice) -> str:
        """Return the address of a model's endpoint without user and password."""
        scheme, _, location = self._endpoints.filed_address(model).rpartition("://")
        return f"{scheme}://{location.rpartition('@')[2]}" if scheme else location

    def build_preparations(self) -> dict[str, dict[str, Any]]:
        """Return the bodies of the planning calls, by key."""
        model = self._plan.request.model
        return {key: question_body(model, question) for key, question in self._plan.recipe.preparations().items()}

    async def build_call(self, number: int) -> BatchCall:
        """Return the first call of a planned batch, as far as the items of earlier batches are known."""
        start, end = self._starts[number - 1], self._starts[number]
        batch = Batch(name=str(number), slots=tuple(range(start + 1, end + 1)))
        earlier = self._schedule.list_earlier_batches(batch, self._plan.recipe.context_batches)
        return await build_batch_call(self._plan, batch, earlier)

    async def find_answers(self, numbers: Sequence[int]) -> ReuseResult:
        """Search the store for the answers of these batches, for some seconds at most.

        Batches of a lane must be given from its beginning.
        """
        if self._shared is None and self._own is None:
            self.result.looked_at = len(self._plan.sizes)
            return self.result
        try:
            async with asyncio.timeout(2 * SEARCH_SECONDS):
                self.prepared = await self._load_preparations()
                if self.prepared:
                    await self._find_batch_answers(numbers)
                else:
                    self.result.why = "the prompts depend on the planning model, which has not answered yet"
        except TimeoutError:
            self.result.why = f"the store {self._plan.request.output.store} does not answer"
        except StoreError as error:
            self.result.why = str(error)
        return self.result

    async def _load_preparations(self) -> bool:
        """Load the answers of the planning model; return True if there is one for each call.

        They are not shared between runs, so only a run with the same id has them.
        """
        model = self._plan.request.model
        for key, body in self.build_preparations().items():
            digest = call_digest(self._endpoints, model, body, f"prepare {key}")
            data = await self._own.get(answer_key(digest)) if self._own else None
            if data is None:
                return False
            from activities.prepare_and_review import encode_entries  # imports the client of the calls: half a second

            await self._memory.put(preparation_key(key), encode_entries(Answer.decode(data)))
        return True

    async def _find_batch_answers(self, numbers: Sequence[int]) -> None:
        end = time.monotonic() + SEARCH_SECONDS
        step = 1 if self._schedule.has_lanes else _PARALLEL_SEARCHES
        for start in range(0, len(numbers), step):
            if time.monotonic() > end:
                break
            await asyncio.gather(*(self._find_batch_answer(number) for number in numbers[start : start + step]))

    async def _find_batch_answer(self, number: int) -> None:
        self.result.looked_at += 1
        previous = self._schedule.after[number - 1] if self._schedule.has_lanes else 0
        if previous and str(previous) not in self._schedule.lane_files.get(previous, ()):
            return
        call = await self.build_call(number)
        answer, run = await self._read_answer(call_digest(self._endpoints, call.model, call.body, str(number)))
        if answer is None:
            return
        from activities.model.item_check import check_items  # only needed if there is an answer

        good = check_items(answer, call.slots, self._plan.recipe).good
        self.result.batches.add(number)
        self.result.items += len(good)
        self.result.runs.add(run)
        if self._schedule.has_lanes and len(good) == len(call.slots):
            await self._remember_items(number, call, good)

    async def _read_answer(self, digest: str) -> tuple[Answer | None, str]:
        """Return the answer of a call, if there is one, and the run that paid for it."""
        if self._own is not None and (data := await self._own.get(answer_key(digest))) is not None:
            return Answer.decode(data), self._name or ""
        if self._shared is None:
            return None, ""
        return await find_shared_answer(self._shared, digest), await find_paying_run(self._shared, digest) or ""

    async def _remember_items(self, number: int, call: BatchCall, good: dict[int, dict[str, Any]]) -> None:
        """Keep the items of a batch for the prompts of later batches in its lane."""
        recipe, source = self._plan.recipe, {"source": "model"}
        items = {slot.number: recipe.with_context(good[slot.number], slot, call.context) for slot in call.slots}
        rows = [{"slot": slot, "item": item, "provenance": source} for slot, item in sorted(items.items())]
        await self._memory.put(batch_key(number), encode_batch_file(rows, None))
        self._schedule.lane_files[number] = [str(number)]
