"""The activities `plan` and `extend`: lay a request out, continue what an ended run left, or add slots to a plan."""

import asyncio
import json
from bisect import bisect_right
from collections import defaultdict
from itertools import accumulate
from pathlib import Path

from obstore.exceptions import BaseError
from temporalio import activity

from activities.documents.input_files import fetch_input_files
from activities.errors import setup_error
from activities.model.batch_context import PREPARATIONS
from activities.model.endpoints import Endpoints
from activities.model.environment import explain_bad_address
from activities.model.pricing import check_price_known, usd_per_token
from activities.model.request_body import is_reasoning_model
from activities.output.formats import check_installed
from activities.store import plan_file
from activities.store.batch_files import batch_name
from activities.store.duplicate_rounds import list_rounds
from activities.store.item_index import ItemIndex, open_item_index
from activities.store.object_store import BATCHES, CALLS, REPORT_KEY, Store, hash_content
from activities.store.plan_file import PlanCache
from quire.contracts import EarlierRun, ExtendInput, ExtendResult, Job, PlanInput, PlanResult
from quire.outcome import Usage
from quire.request import Request
from quire.slots import find_ranges
from recipes.base.recipe import InputError
from recipes.planning import Plan, build_plan, extend_plan, validate_inputs

DERIVED = (
    BATCHES, CALLS, PREPARATIONS, "duplicates/", "artifact", "dataset/", "report", "ledger", "snapshot", "mlflow/",
)  # fmt: skip
"""Prefixes of what an earlier run of the same id derived from its answers, deleted before a new plan. The answers stay
and are found again by the calls that they fit."""
MAX_GROUPS = 2000
"""Groups that a run counts by: they are part of every result, whose size is limited. No groups are shown beyond it."""
_CHARACTERS_PER_TOKEN = 4
_SAMPLE = 1000
"""Slots whose briefs are measured to estimate the length of all briefs."""


async def plan_run(input: PlanInput, endpoints: Endpoints, plans: PlanCache, *, search_attributes: bool) -> PlanResult:
    """Plan a run. Bad input raises a setup error with a message for the person."""
    store = _open_store(input.job, input.request)
    previous = await plan_file.read_plan(store) if input.continue_earlier_run else None
    try:
        plan = previous or await _lay_out_request(_with_address(input, endpoints), store)
        check_price_known(plan.request)
        check_installed(plan.request)
        if previous is not None and input.more_slots:
            plan = extend_plan(previous, input.more_slots)
    except InputError as error:
        raise setup_error(f"{error.field}: {error}") from error
    if previous is None:
        for prefix in DERIVED:
            await store.delete(prefix)
    characters = _estimate_brief_characters(plan) if plan is previous else await plan_file.write_plan(store, plan)
    plans.forget(input.job)
    result = _plan_result(plan, characters, search_attributes=search_attributes)
    if previous is None:
        return result
    return result.model_copy(update={"earlier_run": await _what_earlier_run_left(store, plan)})


async def extend_run(input: ExtendInput, plans: PlanCache) -> ExtendResult:
    """Add slots to the end of a plan."""
    store = Store(input.job.store, input.job.workflow_id)
    previous = await plan_file.read_plan(store)
    if previous is None:
        raise setup_error(plan_file.missing_plan_message(input.job.store, input.job.workflow_id))
    try:
        plan = extend_plan(previous, input.more_slots)
    except InputError as error:
        raise setup_error(f"{error.field}: {error}") from error
    await plan_file.write_plan(store, plan)
    plans.forget(input.job)
    batches = len(previous.sizes)
    after = plan.after[batches:] if plan.after else []
    return ExtendResult(sizes=plan.sizes[batches:], after=after, groups=plan.groups)


def _with_address(input: PlanInput, endpoints: Endpoints) -> PlanInput:
    """Return the input with this worker's own address for models that name none, if whoever started the run fixed no
    address: a run calls the same endpoints to its end, whichever worker takes its calls."""
    own = endpoints.environment.own_address
    if wrong := explain_bad_address(own):
        raise setup_error(f"OPENAI_BASE_URL: {wrong}")
    return input.model_copy(update={"request": input.request.with_default_address(own)})


async def _lay_out_request(input: PlanInput, store: Store) -> Plan:
    request = with_seed(input.request, input.job.workflow_id)
    validate_inputs(request)
    texts, documents = await fetch_input_files(request, store, Path.cwd())
    return await asyncio.to_thread(build_plan, request, texts, documents)


def with_seed(request: Request, workflow_id: str) -> Request:
    """Return the request with a seed, derived from the run's id if the request sets none."""
    if request.seed is not None:
        return request
    return request.model_copy(update={"seed": int(hash_content(workflow_id.encode())[:8], 16)})


def _estimate_brief_characters(plan: Plan) -> int:
    sample = plan.slots[:_SAMPLE]
    return sum(len(slot.brief) for slot in sample) * len(plan.slots) // max(1, len(sample))


def _plan_result(plan: Plan, brief_characters: int, *, search_attributes: bool) -> PlanResult:
    request, recipe = plan.request, plan.recipe
    batches = max(1, len(plan.sizes))
    prompt_tokens = (len(recipe.system()) + brief_characters // batches) // _CHARACTERS_PER_TOKEN
    completion_tokens = request.batching.tokens_per_item * len(plan.slots) // batches
    return PlanResult(
        sizes=plan.sizes,
        noun=recipe.noun,
        request=request,
        after=plan.after,
        reach=recipe.context_batches,
        groups=plan.groups if len(plan.groups) <= MAX_GROUPS else [],
        group_word=recipe.group_word,
        preparations=list(recipe.preparations()),
        reviewed=recipe.has_review,
        resize=request.batching.enabled and request.batching.size == "auto",
        tokens_per_item=request.batching.tokens_per_item,
        prompt_tokens=prompt_tokens,
        usd_per_token=usd_per_token(request.generator.name, prompt_tokens, completion_tokens)
        if request.budget.usd is not None
        else None,
        reasoning=is_reasoning_model(request.generator.name),
        warnings=plan.warnings,
        search_attributes=search_attributes,
    )


def _open_store(job: Job, request: Request) -> Store:
    try:
        return Store(job.store, job.workflow_id)
    except (OSError, ValueError, BaseError) as error:
        raise setup_error(f"output.store: {request.output.store} cannot be used: {error}") from error


async def _what_earlier_run_left(store: Store, plan: Plan) -> EarlierRun:
    """Return an ended run's open slots and counts. If it was terminated there is no report, and counts begin at 0."""
    index = await open_item_index(store)
    run_id = (activity.info().workflow_run_id if activity.in_activity() else None) or ""
    report = json.loads(await store.get(REPORT_KEY) or b"{}")
    return EarlierRun(
        open_ranges=find_ranges(slot.number for slot in plan.slots if slot.number not in index),
        label=f"n{run_id[:8]}",
        duplicate_checks=max([0, *[round_ async for round_ in list_rounds(store)]]),
        lane_files=_files_by_planned_batch(index, plan.sizes) if plan.after else {},
        usage=Usage.model_validate(report.get("usage", {})),
        models={name: Usage.model_validate(usage) for name, usage in report.get("models", {}).items()},
        rounds=report.get("rounds", 1) + 1,
        duplicates_rejected=report.get("duplicates_rejected", 0),
        fallbacks=report.get("fallbacks", 0),
    )


def _files_by_planned_batch(index: ItemIndex, sizes: list[int]) -> dict[int, list[str]]:
    """Return the names of the batches that filled slots, by number of the planned batch of those slots."""
    ends = list(accumulate(sizes))
    files: defaultdict[int, list[str]] = defaultdict(list)
    for number in index.iter_slot_numbers():
        name = batch_name(index.file_key(number))
        names = files[bisect_right(ends, number - 1) + 1]
        if name not in names:
            names.append(name)
    return dict(files)
