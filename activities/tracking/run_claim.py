"""Which MLflow run and dataset a run is logged to: one of each, whichever worker comes first and however it ends."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4

from activities.store.object_store import Store, digest
from activities.store.plan_file import OpenPlan
from activities.tracking.mlflow_client import Tracker, TrackingError, told

P = ParamSpec("P")
R = TypeVar("R")
_LONGEST = 500
"""Characters of a parameter: older MLflow servers take no more."""


@dataclass(frozen=True)
class Claim:
    """A place in MLflow, and the folder of the store that holds what is known of it."""

    tracker: Tracker
    store: Store
    folder: str
    key: str
    experiment: str
    run: str

    async def tell(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """One call of MLflow, in a thread. Raises TrackingError."""
        return await asyncio.to_thread(told, self.tracker.said.tracking_uri, work, *args, **kwargs)

    async def dataset(self) -> str:
        """The dataset's id; it is made, and shown on the run's page, at the first case."""
        if (known := await self.known_dataset()) is not None:
            return known
        name = f"{self.tracker.said.experiment}/{self.store.workflow_id}"
        tags = {"quire.workflow_id": self.store.workflow_id}
        mine = await self.tell(self.tracker.dataset, self.experiment, self.key, name, tags)
        await self.tell(self.tracker.show_dataset, self.run, mine)
        return await _first(self.store, f"{self.folder}/dataset", mine, self.tracker, self.tracker.drop_dataset)

    async def known_dataset(self) -> str | None:
        """The same where it is there already."""
        found = await self.store.get(f"{self.folder}/dataset")
        return found.decode() if found else None


async def claim(plan: OpenPlan, tracker: Tracker) -> Claim:
    """Find the run's place in MLflow, or make it.

    The key is in the store before anything is made, and in the tags of what is made: who dies between making and
    noting it finds it again. Of two that make one each, the one that is noted first stays.
    """
    store, said = plan.store, tracker.said
    folder = f"mlflow/{digest(f'{said.tracking_uri} {said.experiment}'.encode())[:12]}"
    key = (await store.put_once(f"{folder}/key", uuid4().hex.encode())).decode()
    experiment = await asyncio.to_thread(told, said.tracking_uri, tracker.experiment)
    if (known := await store.get(f"{folder}/run")) is not None:
        return Claim(tracker, store, folder, key, experiment, known.decode())
    tags = {"quire.workflow_id": store.workflow_id, "quire.recipe": plan.request.recipe, "quire.store": store.address}
    wanted = experiment, key, store.workflow_id, params(plan), tags
    try:
        mine = await asyncio.to_thread(told, said.tracking_uri, tracker.run, *wanted)
    except TrackingError:  # it may have found another's, which went meanwhile because a third was noted first
        if (known := await store.get(f"{folder}/run")) is None:
            raise
        return Claim(tracker, store, folder, key, experiment, known.decode())
    run = await _first(store, f"{folder}/run", mine, tracker, tracker.drop_run)
    return Claim(tracker, store, folder, key, experiment, run)


async def _first(store: Store, at: str, mine: str, tracker: Tracker, drop: Callable[[str], None]) -> str:
    """The one that is noted first; where that is another's, mine goes."""
    there = (await store.put_once(at, mine.encode())).decode()
    if there != mine:
        await asyncio.to_thread(told, tracker.said.tracking_uri, drop, mine)
    return there


def params(plan: OpenPlan) -> dict[str, str]:
    """What the run is made from, by dotted field: settings and file names, no addresses and no text."""
    request = plan.request
    said: dict[str, Any] = {
        "recipe": request.recipe,
        "target": len(plan.slots),
        "batches": len(plan.sizes),
        "seed": request.seed,
        "on_failure": request.on_failure,
        "model": _choice(request.generator),
        "batching": request.batching.model_dump(mode="json"),
        "retry": request.retry.model_dump(mode="json"),
        "duplicates": request.duplicates.model_dump(mode="json", exclude={"embedding", "against"}),
        "budget": request.budget.model_dump(mode="json"),
        "inputs": dict(plan.recipe.documents),
    }
    if request.worker_model is not None:
        said["planning_model"] = _choice(request.model)
    return {field: value[:_LONGEST] for field, value in _flat(said, "")}


def _choice(model: Any) -> dict[str, Any]:
    return {name: getattr(model, name) for name in ("name", "max_output_tokens", "temperature")}


def _flat(said: dict[str, Any], prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in said.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{name}.")  # pyright: ignore[reportUnknownArgumentType]
        elif value is not None:
            found.append((f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value)))
    return found
