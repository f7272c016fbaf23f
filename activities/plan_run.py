"""Lay a request out: read its inputs, make the slots, write the plan. Or make a plan longer, or take one over."""

import asyncio
import json
from pathlib import Path

from obstore.exceptions import BaseError

from activities import taking_over
from activities.documents.input_files import fetch
from activities.model.endpoints import Endpoints
from activities.model.http_errors import setup_error
from activities.model.pricing import must_be_known, usd_per_token
from activities.model.request_body import reasons
from activities.output.formats import must_be_installed
from activities.store import plan_file
from activities.store.object_store import Store, digest
from activities.store.plan_file import Plans
from quire.contracts import Extended, ExtendInput, Job, PlanInput, Planned
from quire.request import Request
from recipes.base.recipe import InputError
from recipes.longer import longer
from recipes.planning import Plan, inputs_of, lay_out

DERIVED = (
    "batches/", "calls/", "prepared/", "duplicates/", "artifact", "dataset/", "report", "ledger", "snapshot", "mlflow/",
)  # fmt: skip
"""What an earlier run of the same id left, made from its answers; those are kept, and found again if they fit."""
MOST_GROUPS = 2000
"""Groups that a run counts by: they travel in every result, and a payload has its limit. Beyond it none are shown."""
_CHARACTERS_PER_TOKEN = 4


async def plan(given: PlanInput, endpoints: Endpoints, plans: Plans, *, search_attributes: bool) -> Planned:
    """Plan a run. Bad input is an error that is not retried, in words for the person."""
    store = _store(given.job, given.request)
    known = await plan_file.laid(store) if given.take_over else None
    try:
        laid = known or await _laid(given, store)
        must_be_known(laid.request)
        must_be_installed(laid.request)
        if known is not None and given.more:
            laid = longer(known, given.more)
    except InputError as error:
        raise setup_error(f"{error.field}: {error}") from error
    if known is None:
        for prefix in DERIVED:
            await store.remove(prefix)
        await store.put(plan_file.TEXT, json.dumps({"simulated": endpoints.simulates(laid.request.generator)}).encode())
    if laid is not known:
        briefs = await plan_file.write(store, laid)
    else:
        briefs = sum(len(slot.brief) for slot in laid.slots[:1000]) * len(laid.slots) // max(1, len(laid.slots[:1000]))
    plans.forget(given.job)
    planned = _planned(laid, briefs, search_attributes=search_attributes)
    return planned if known is None else planned.model_copy(update={"taken_over": await taking_over.left(store, laid)})


async def extend(given: ExtendInput, plans: Plans) -> Extended:
    """Lay out so many slots more, behind those that there are."""
    store = Store(given.job.store, given.job.workflow_id)
    known = await plan_file.laid(store)
    if known is None:
        raise setup_error("the plan is not in the store that this worker sees")
    try:
        laid = longer(known, given.more)
    except InputError as error:
        raise setup_error(f"{error.field}: {error}") from error
    await plan_file.write(store, laid)
    plans.forget(given.job)
    before = len(known.sizes)
    after = laid.after[before:] if laid.after else []
    return Extended(sizes=laid.sizes[before:], after=after, groups=laid.groups)


async def _laid(given: PlanInput, store: Store) -> Plan:
    request = seeded(given.request, given.job.workflow_id)
    inputs_of(request)
    texts, documents = await fetch(request, store, Path.cwd())
    return await asyncio.to_thread(lay_out, request, texts, documents)


def seeded(request: Request, workflow_id: str) -> Request:
    """The request with a seed: the run's id gives one where the person does not."""
    if request.seed is not None:
        return request
    return request.model_copy(update={"seed": int(digest(workflow_id.encode())[:8], 16)})


def _planned(laid: Plan, briefs: int, *, search_attributes: bool) -> Planned:
    request, recipe = laid.request, laid.recipe
    prompt = len(recipe.system()) + briefs // max(1, len(laid.sizes))
    completion = request.batching.tokens_per_item * len(laid.slots) // max(1, len(laid.sizes))
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
        prompt_tokens=prompt // _CHARACTERS_PER_TOKEN,
        usd_per_token=usd_per_token(request.generator.name, prompt // _CHARACTERS_PER_TOKEN, completion)
        if request.budget.usd is not None
        else None,
        reasoning=reasons(request.generator.name),
        warnings=laid.warnings,
        search_attributes=search_attributes,
    )


def _store(job: Job, request: Request) -> Store:
    try:
        return Store(job.store, job.workflow_id)
    except (OSError, ValueError, BaseError) as error:
        raise setup_error(f"output.store: {request.output.store} cannot be used: {error}") from error
