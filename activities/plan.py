"""Lay a request out: read its inputs, make the slots, write the plan."""

from pathlib import Path

from obstore.exceptions import BaseError

from activities import planfile
from activities.documents import fetch
from activities.endpoint import reasons
from activities.failures import setup_error
from activities.planfile import Plans
from activities.store import Store
from quire.contracts import PlanInput, Planned
from recipes.planning import inputs_of, lay_out
from recipes.spine import InputError

DERIVED = ("batches/", "artifact", "report")
"""What an earlier run of the same id left, made from its answers; those are kept, and found again if they fit."""


async def plan(given: PlanInput, plans: Plans, *, search_attributes: bool) -> Planned:
    """Plan a run. Bad input is an error that is not retried, in words for the person."""
    request = given.request
    try:
        inputs_of(request)
        store = _store(given)
        texts, documents = await fetch(request, store, Path.cwd())
        laid = lay_out(request, texts, documents)
    except InputError as error:
        raise setup_error(f"{error.field}: {error}") from error
    for prefix in DERIVED:
        await store.remove(prefix)
    await planfile.write(store, request, laid)
    plans.forget(given.job)
    return Planned(
        sizes=laid.sizes,
        noun=laid.recipe.noun,
        tokens_per_item=request.batching.tokens_per_item,
        reasoning=reasons(request.model.name),
        warnings=laid.warnings,
        search_attributes=search_attributes,
    )


def _store(given: PlanInput) -> Store:
    try:
        return Store(given.job.store, given.job.workflow_id)
    except (OSError, ValueError, BaseError) as error:
        raise setup_error(f"output.store: {given.job.store} cannot be used: {error}") from error
