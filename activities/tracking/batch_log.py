"""The batches of a run that are logged to its MLflow run."""

import asyncio
import json
from collections.abc import Callable, Container, Sequence
from typing import ParamSpec, TypeVar

from activities.store.batch_files import batch_key, list_batch_names, parse_planned_number
from activities.store.duplicate_rounds import list_rejected_items
from activities.store.plan_file import OpenPlan
from activities.tracking.batch_records import LoggedBatch
from activities.tracking.run_claim import RunClaim

BATCHES_PER_WRITE = 20
"""Batches that are logged, and then recorded in the store as logged, at a time."""
P = ParamSpec("P")
R = TypeVar("R")


class BatchLog:
    """The log of a run's batches in MLflow. All methods may raise TrackingError."""

    def __init__(self, plan: OpenPlan, claim: RunClaim) -> None:
        self.plan, self.store, self.claim = plan, plan.store, claim
        self.tracker, self.run = claim.tracker, claim.run
        self.logged_slots: dict[str, str] = {}
        """The slots of each logged batch, by its name."""
        self._key = f"{claim.folder}/logged.json"

    async def load(self) -> None:
        """Read from the store which batches are logged already."""
        self.logged_slots = json.loads(await self.store.get(self._key) or b"{}")

    async def call_mlflow(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a blocking call of the tracker in a thread."""
        return await self.claim.call_mlflow(work, *args, **kwargs)

    async def log_new_batches(self) -> None:
        """Log the batches that are in the store and not logged yet."""
        names = [name async for name in list_batch_names(self.store) if name not in self.logged_slots]
        names.sort(key=plan_order)
        rejected = await list_rejected_items(self.store) if names else set[tuple[str, int]]()
        for start in range(0, len(names), BATCHES_PER_WRITE):
            chunk = names[start : start + BATCHES_PER_WRITE]
            files = await asyncio.gather(*(self.store.get(batch_key(name)) for name in chunk))
            batches = [
                LoggedBatch.from_file(self.plan, name, data or b"", _without_rejected(name, rejected), {})
                for name, data in zip(chunk, files, strict=True)
            ]
            await self.log_batches(batches)

    async def log_batches(self, batches: Sequence[LoggedBatch]) -> None:
        """Log batches, then record in the store that they are logged."""
        for batch in batches:
            if batch.items or self.logged_slots.get(batch.name):
                name, text = batch.file_name(len(self.plan.sizes)), batch.file_text()
                await self.call_mlflow(self.tracker.log_text, self.run, name, text)
        records = [record for batch in batches for record in batch.build_records().values()]
        if records:
            await self.call_mlflow(self.tracker.upsert_records, await self.claim.get_or_create_dataset(), records)
        points = [point for batch in batches for point in batch.build_points()]
        await self.call_mlflow(self.tracker.log_points, self.run, points)
        self.logged_slots |= {batch.name: batch.slot_ranges for batch in batches}
        await self.store.put(self._key, json.dumps(self.logged_slots).encode())


def _without_rejected(name: str, rejected: Container[tuple[str, int]]) -> Callable[[int], bool]:
    """Return a filter for the slots of a batch whose item was not rejected as a duplicate."""
    return lambda number: (batch_key(name), number) not in rejected


def plan_order(name: str) -> tuple[int, str]:
    """Return a key that sorts batch names in the order of the plan."""
    return parse_planned_number(name), name
