"""A run's place in MLflow, and which of its batches are there."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Container, Sequence
from typing import ParamSpec, TypeVar

from activities.store.batch_files import rejected_items
from activities.store.plan_file import OpenPlan
from activities.tracking.batch_records import LoggedBatch
from activities.tracking.run_claim import Claim

TOGETHER = 20
"""Batches that are logged at a time, and then noted as logged."""
P = ParamSpec("P")
R = TypeVar("R")


class Place:
    """Where a run is logged. All methods may raise TrackingError."""

    def __init__(self, plan: OpenPlan, claim: Claim) -> None:
        self.plan, self.store, self.claim = plan, plan.store, claim
        self.tracker, self.run = claim.tracker, claim.run
        self.had: dict[str, str] = {}
        """The slots of each batch that were logged."""
        self._noted = f"{claim.folder}/logged.json"

    async def begin(self) -> None:
        """Learn what was logged before."""
        self.had = json.loads(await self.store.get(self._noted) or b"{}")

    async def tell(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """One call of MLflow."""
        return await self.claim.tell(work, *args, **kwargs)

    async def new_batches(self) -> None:
        """Log the batches that are there and not logged."""
        new = sorted([name async for name in self._names() if name not in self.had], key=in_order)
        rejected = await rejected_items(self.store) if new else set[tuple[str, int]]()
        for start in range(0, len(new), TOGETHER):
            some = new[start : start + TOGETHER]
            files = await asyncio.gather(*(self.store.get(key_of(name)) for name in some))
            batches = [
                LoggedBatch.of(self.plan, name, data or b"", stays_of(name, rejected), {})
                for name, data in zip(some, files, strict=True)
            ]
            await self.put(batches)

    async def _names(self) -> AsyncIterator[str]:
        async for key in self.store.names("batches/"):
            if key.endswith(".jsonl"):
                yield name_of(key)

    async def put(self, some: Sequence[LoggedBatch]) -> None:
        """Log batches, and note that they are logged."""
        for batch in some:
            if batch.items or self.had.get(batch.name):
                await self.tell(self.tracker.text, self.run, batch.path(len(self.plan.sizes)), batch.text())
        records = [record for batch in some for record in batch.records().values()]
        if records:
            await self.tell(self.tracker.merge, await self.claim.dataset(), records)
        points = [point for batch in some for point in batch.points()]
        await self.tell(self.tracker.points, self.run, points)
        self.had |= {batch.name: batch.slots for batch in some}
        await self.store.put(self._noted, json.dumps(self.had).encode())


def stays_of(name: str, rejected: Container[tuple[str, int]]) -> Callable[[int], bool]:
    """Whether an item of a batch is not among those that were rejected."""
    return lambda number: (key_of(name), number) not in rejected


def in_order(name: str) -> tuple[int, str]:
    """Batches' names in the order of the plan."""
    return int(name.partition(".")[0]), name


def key_of(name: str) -> str:
    """The file of a batch."""
    return f"batches/{name}.jsonl"


def name_of(key: str) -> str:
    """The batch of a file."""
    return key.removeprefix("batches/").removesuffix(".jsonl")
