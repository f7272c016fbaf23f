"""The MLflow run and dataset that a run is logged to: one of each, whichever worker is first and however it ends."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4

from activities.store.object_store import Store, hash_content
from activities.store.plan_file import OpenPlan
from activities.tracking.mlflow_client import Tracker, TrackingError, with_tracking_errors

P = ParamSpec("P")
R = TypeVar("R")
_MAX_LENGTH = 500
"""Characters of a parameter: older MLflow servers accept no more."""


@dataclass(frozen=True)
class RunClaim:
    """The MLflow run of a run, and the folder of the store that records what was created for it."""

    tracker: Tracker
    store: Store
    folder: str
    key: str
    experiment: str
    run: str

    async def call_mlflow(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a blocking call of the tracker in a thread. Raises TrackingError."""
        return await _call_in_thread(self.tracker, work, *args, **kwargs)

    async def get_or_create_dataset(self) -> str:
        """Return the id of the run's dataset; the first call creates it and links it to the MLflow run."""
        if (existing := await self.find_dataset()) is not None:
            return existing
        name = f"{self.tracker.settings.experiment}/{self.store.workflow_id}"
        tags = {"quire.workflow_id": self.store.workflow_id}
        tracker = self.tracker
        dataset = await self.call_mlflow(tracker.get_or_create_dataset, self.experiment, self.key, name, tags)
        await self.call_mlflow(tracker.link_dataset, self.run, dataset)
        return await _record_first(self.store, f"{self.folder}/dataset", dataset, tracker, tracker.delete_dataset)

    async def find_dataset(self) -> str | None:
        """Return the id of the run's dataset; None if it does not exist yet."""
        dataset = await self.store.get(f"{self.folder}/dataset")
        return dataset.decode() if dataset else None


async def claim_run(plan: OpenPlan, tracker: Tracker) -> RunClaim:
    """Find the MLflow run of a run, or create it. Raises TrackingError.

    Its key is in the store before anything is created, and in the tags of what is created: a worker that dies before
    it records what it created leaves something that the next one finds. If two workers create a run each, the one that
    is recorded first stays.
    """
    store, settings = plan.store, tracker.settings
    folder = f"mlflow/{hash_content(f'{settings.tracking_uri} {settings.experiment}'.encode())[:12]}"
    key = (await store.put_once(f"{folder}/key", uuid4().hex.encode())).decode()
    experiment = await _call_in_thread(tracker, tracker.get_or_create_experiment)
    if (recorded := await store.get(f"{folder}/run")) is not None:
        return RunClaim(tracker, store, folder, key, experiment, recorded.decode())
    tags = {"quire.workflow_id": store.workflow_id, "quire.recipe": plan.request.recipe, "quire.store": store.address}
    arguments = experiment, key, store.workflow_id, build_params(plan), tags
    try:
        created = await _call_in_thread(tracker, tracker.get_or_create_run, *arguments)
    except TrackingError:
        # The run that it found may have been another worker's, deleted since because a third one was recorded first.
        if (recorded := await store.get(f"{folder}/run")) is None:
            raise
        return RunClaim(tracker, store, folder, key, experiment, recorded.decode())
    run = await _record_first(store, f"{folder}/run", created, tracker, tracker.delete_run)
    return RunClaim(tracker, store, folder, key, experiment, run)


async def _call_in_thread(tracker: Tracker, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    return await asyncio.to_thread(with_tracking_errors, tracker.settings.tracking_uri, work, *args, **kwargs)


async def _record_first(store: Store, key: str, created: str, tracker: Tracker, delete: Callable[[str], None]) -> str:
    """Return the id that is recorded first under `key`; if that is another worker's, delete the created one."""
    recorded = (await store.put_once(key, created.encode())).decode()
    if recorded != created:
        await _call_in_thread(tracker, delete, created)
    return recorded


def build_params(plan: OpenPlan) -> dict[str, str]:
    """Return the MLflow parameters of a run by dotted field: settings and file names, no addresses and no text."""
    request = plan.request
    fields: dict[str, Any] = {
        "recipe": request.recipe,
        "target": len(plan.slots),
        "batches": len(plan.sizes),
        "seed": request.seed,
        "on_failure": request.on_failure,
        "model": _select_model_fields(request.generator),
        "batching": request.batching.model_dump(mode="json"),
        "retry": request.retry.model_dump(mode="json"),
        "duplicates": request.duplicates.model_dump(mode="json", exclude={"embedding", "against"}),
        "budget": request.budget.model_dump(mode="json"),
        "inputs": dict(plan.recipe.documents),
    }
    if request.worker_model is not None:
        fields["planning_model"] = _select_model_fields(request.model)
    return {field: value[:_MAX_LENGTH] for field, value in _flatten(fields, "")}


def _select_model_fields(model: Any) -> dict[str, Any]:
    return {name: getattr(model, name) for name in ("name", "max_output_tokens", "temperature")}


def _flatten(fields: dict[str, Any], prefix: str) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in fields.items():
        if isinstance(value, dict):
            rows += _flatten(value, f"{prefix}{name}.")  # pyright: ignore[reportUnknownArgumentType]
        elif value is not None:
            rows.append((f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value)))
    return rows
