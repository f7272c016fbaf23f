"""What a run would send, and which of its batches have an answer in the store already. No model is called."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any
from uuid import uuid4

from activities import reuse
from activities.model.endpoints import SIMULATOR, Endpoints, simulated
from activities.model.prompt import Sent, asked, filed, sent
from activities.store.answers import Answer
from activities.store.batch_files import written
from activities.store.object_store import Store, StoreError, holds
from activities.store.plan_file import OpenPlan
from quire.request import ModelChoice
from quire.schedule import Schedule
from quire.slots import Batch
from recipes.planning import Plan

PATIENCE = 5.0
"""Seconds after which no further batch is looked for."""
_AT_A_TIME = 16


@dataclass
class Found:
    """What was looked for and what is there. A batch whose prompt holds what a batch without an answer is still to
    make cannot be looked for; it is to be made, like that one."""

    looked_at: int = 0
    batches: set[int] = field(default_factory=set[int])
    """Numbers of the batches that have an answer."""
    items: int = 0
    """Good items in those answers."""
    runs: set[str] = field(default_factory=set[str])
    why: str = ""
    """Why nothing could be looked for."""


class Rehearsal:
    """The run's calls in the order of the plan, written as the run would write them, and answered from the store.

    What answers hold is kept in memory, for the prompts that show it. `name` is the run's id, if it has one.
    """

    def __init__(self, plan: Plan, name: str | None) -> None:
        root = plan.request.output.store
        self._endpoints = Endpoints(offline=SIMULATOR if simulated() else None)
        self._shared = Store(root, reuse.NOTES) if plan.request.reuse and holds(root, reuse.NOTES) else None
        self._own = Store(root, name) if name and holds(root, name) else None
        self._name = name
        self._memory = Store("memory:///", uuid4().hex)
        self._plan = OpenPlan(self._memory, plan.request, plan.recipe, plan.slots, plan.sizes)
        self._starts = [0, *accumulate(plan.sizes)]
        self._schedule = Schedule(sizes=plan.sizes, after=plan.after)
        self.found = Found()
        self.prepared = False
        """Whether what the planning model said is known."""

    def where(self, model: ModelChoice) -> str:
        """The endpoint that calls of this model go to, without what may be secret in its address."""
        scheme, _, rest = self._endpoints.identity(model).rpartition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}" if scheme else rest

    def preparations(self) -> dict[str, dict[str, Any]]:
        """Bodies of the planning calls, by key."""
        model = self._plan.request.model
        return {key: asked(model, question) for key, question in self._plan.recipe.preparations().items()}

    async def call(self, number: int) -> Sent:
        """What the first call of a planned batch sends, as far as the batches before it are known."""
        start, end = self._starts[number - 1], self._starts[number]
        batch = Batch(name=str(number), slots=tuple(range(start + 1, end + 1)))
        return await sent(self._plan, batch, self._schedule.before(batch, self._plan.recipe.reach))

    async def look(self, numbers: Sequence[int]) -> Found:
        """Look for the answers of these batches, for some seconds at the most; lanes must be given from their
        beginning."""
        if self._shared is None and self._own is None:
            self.found.looked_at = len(self._plan.sizes)
            return self.found
        try:
            async with asyncio.timeout(2 * PATIENCE):
                self.prepared = await self._prepare()
                if not self.prepared:
                    self.found.why = "the prompts hold what the planning model is still to say"
                    return self.found
                until, step = time.monotonic() + PATIENCE, 1 if self._schedule.lanes else _AT_A_TIME
                for start in range(0, len(numbers), step):
                    if time.monotonic() > until:
                        break
                    part = numbers[start : start + step]
                    await asyncio.gather(*(self._look(number) for number in part))
        except TimeoutError:
            self.found.why = f"the store {self._plan.request.output.store} does not answer"
        except StoreError as error:
            self.found.why = str(error)
        return self.found

    async def _prepare(self) -> bool:
        """Whether all that the planning model says to the prompts is known. It is asked once a run: only a run of the
        same id finds what it said."""
        model = self._plan.request.model
        for key, body in self.preparations().items():
            name = filed(self._endpoints, model, body, f"prepare {key}")
            data = await self._own.get(f"responses/{name}.json") if self._own else None
            if data is None:
                return False
            from activities.prepare_and_review import entries  # and with it the client of the calls, half a second

            await self._memory.put(f"prepared/{key}.json", entries(Answer.load(data)))
        return True

    async def _look(self, number: int) -> None:
        self.found.looked_at += 1
        first = self._schedule.after[number - 1] if self._schedule.lanes else 0
        if first and str(first) not in self._schedule.files.get(first, ()):
            return
        call = await self.call(number)
        answer, run = await self._answer(filed(self._endpoints, call.model, call.body, str(number)))
        if answer is None:
            return
        from activities.model.item_check import judge  # only where there is an answer

        good = judge(answer, call.slots, self._plan.recipe).good
        self.found.batches.add(number)
        self.found.items += len(good)
        self.found.runs.add(run)
        if self._schedule.lanes and len(good) == len(call.slots):
            await self._keep(number, call, good)

    async def _answer(self, name: str) -> tuple[Answer | None, str]:
        if self._own is not None and (data := await self._own.get(f"responses/{name}.json")) is not None:
            return Answer.load(data), self._name or ""
        if self._shared is None:
            return None, ""
        return await reuse.find(self._shared, name), await reuse.payer(self._shared, name) or ""

    async def _keep(self, number: int, call: Sent, good: dict[int, dict[str, Any]]) -> None:
        recipe, source = self._plan.recipe, {"source": "model"}
        settled = {slot.number: recipe.settled(good[slot.number], slot, call.around) for slot in call.slots}
        rows = [{"slot": slot, "item": item, "provenance": source} for slot, item in sorted(settled.items())]
        await self._memory.put(f"batches/{number}.jsonl", written(rows, None))
        self._schedule.files[number] = [str(number)]
