"""Lay a request out: read its inputs, make the slots, write the plan."""

from pathlib import Path

from obstore.exceptions import BaseError

from activities import planfile
from activities.body import reasons
from activities.documents import fetch
from activities.failures import setup_error
from activities.planfile import Plans
from activities.store import Store, digest
from quire.contracts import PlanInput, Planned
from recipes.planning import Plan, inputs_of, lay_out
from recipes.spine import InputError

DERIVED = ("batches/", "calls/", "prepared/", "duplicates/", "artifact", "dataset/", "report")
"""What an earlier run of the same id left, made from its answers; those are kept, and found again if they fit."""


async def plan(given: PlanInput, plans: Plans, *, search_attributes: bool) -> Planned:
    """Plan a run. Bad input is an error that is not retried, in words for the person."""
    request = given.request
    if request.seed is None:
        request = request.model_copy(update={"seed": int(digest(given.job.workflow_id.encode())[:8], 16)})
    try:
        inputs_of(request)
        store = _store(given)
        texts, documents = await fetch(request, store, Path.cwd())
        laid = lay_out(request, texts, documents)
    except InputError as error:
        raise setup_error(f"{error.field}: {error}") from error
    for prefix in DERIVED:
        await store.remove(prefix)
    await planfile.write(store, laid)
    plans.forget(given.job)
    return _planned(laid, search_attributes=search_attributes)


MOST_GROUPS = 2000
"""Groups that a run counts by: they travel in every result, and a payload has its limit. Beyond it none are shown."""


def _planned(laid: Plan, *, search_attributes: bool) -> Planned:
    request, recipe = laid.request, laid.recipe
    return Planned(
        sizes=laid.sizes,
        noun=recipe.noun,
        request=request,
        after=laid.after,
        reach=recipe.reach,
        groups=laid.groups if len(laid.groups) <= MOST_GROUPS else [],
        group_word=recipe.group_word,
        preparations=list(recipe.preparations()),
        reviewed=recipe.reviewed,
        resize=request.batching.enabled and request.batching.size == "auto",
        tokens_per_item=request.batching.tokens_per_item,
        reasoning=reasons(request.generator.name),
        warnings=laid.warnings,
        search_attributes=search_attributes,
    )


def _store(given: PlanInput) -> Store:
    try:
        return Store(given.job.store, given.job.workflow_id)
    except (OSError, ValueError, BaseError) as error:
        raise setup_error(f"output.store: {given.job.store} cannot be used: {error}") from error
