"""All activities as a worker hosts them, with one set of clients and open plans per process.

Each is imported at its first call, so that an idle worker does not load the client of the models.
"""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from temporalio import activity

from activities.errors import setup_error
from activities.model.endpoints import Endpoints
from activities.store.object_store import StoreError
from activities.store.plan_file import PlanCache
from quire.contracts import (
    ASSEMBLE,
    DEDUPLICATE,
    EXTEND,
    FALL_BACK,
    GENERATE,
    GENERATE_SEVERAL,
    LOG,
    PLAN,
    PREPARE,
    REVIEW,
    VERIFY,
    AssembleInput,
    AssembleResult,
    DeduplicateInput,
    DeduplicateResult,
    ExtendInput,
    ExtendResult,
    FallBackInput,
    GenerateInput,
    GenerateSeveralInput,
    GenerateSeveralResult,
    LogInput,
    LogResult,
    PlanInput,
    PlanResult,
    PrepareInput,
    ReviewInput,
    VerifyInput,
    VerifyResult,
)
from quire.outcome import Outcome

P = ParamSpec("P")
R = TypeVar("R")


def pause_on_store_errors(work: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Make an activity raise store errors as setup errors: a person must fix the store, so the run pauses instead of
    retrying in vain."""

    @functools.wraps(work)
    async def work_or_pause(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await work(*args, **kwargs)
        except StoreError as error:
            raise setup_error(str(error)) from None

    return work_or_pause


class Activities:
    """All activities of a worker process: `Worker(..., activities=Activities(...).all())`."""

    def __init__(self, endpoints: Endpoints, *, search_attributes: bool = False) -> None:
        self.endpoints = endpoints
        self.search_attributes = search_attributes
        self.plans = PlanCache()

    def all(self) -> list[Callable[..., Any]]:
        return [
            self.plan,
            self.prepare,
            self.generate,
            self.generate_several,
            self.review,
            self.fall_back,
            self.deduplicate,
            self.extend,
            self.assemble,
            self.verify,
            self.log,
        ]

    @activity.defn(name=PLAN)
    @pause_on_store_errors
    async def plan(self, input: PlanInput) -> PlanResult:
        from activities.plan_run import plan_run

        return await plan_run(input, self.endpoints, self.plans, search_attributes=self.search_attributes)

    @activity.defn(name=PREPARE)
    @pause_on_store_errors
    async def prepare(self, input: PrepareInput) -> Outcome:
        from activities.prepare_and_review import run_preparation

        return await run_preparation(input, self.endpoints, self.plans)

    @activity.defn(name=REVIEW)
    @pause_on_store_errors
    async def review(self, input: ReviewInput) -> Outcome:
        from activities.prepare_and_review import review_batch

        return await review_batch(input, self.endpoints, self.plans)

    @activity.defn(name=FALL_BACK)
    @pause_on_store_errors
    async def fall_back(self, input: FallBackInput) -> Outcome:
        from activities.generate_batch import fill_batch_from_templates

        return await fill_batch_from_templates(input, self.plans)

    @activity.defn(name=DEDUPLICATE)
    @pause_on_store_errors
    async def deduplicate(self, input: DeduplicateInput) -> DeduplicateResult:
        from activities.find_duplicates import find_duplicates

        return await find_duplicates(input, self.endpoints, self.plans)

    @activity.defn(name=EXTEND)
    @pause_on_store_errors
    async def extend(self, input: ExtendInput) -> ExtendResult:
        from activities.plan_run import extend_run

        return await extend_run(input, self.plans)

    @activity.defn(name=GENERATE)
    @pause_on_store_errors
    async def generate(self, input: GenerateInput) -> Outcome:
        from activities.generate_batch import generate_batch

        return await generate_batch(input, self.endpoints, self.plans)

    @activity.defn(name=GENERATE_SEVERAL)
    @pause_on_store_errors
    async def generate_several(self, input: GenerateSeveralInput) -> GenerateSeveralResult:
        from activities.generate_several import generate_several

        return await generate_several(input, self.endpoints, self.plans)

    @activity.defn(name=ASSEMBLE)
    @pause_on_store_errors
    async def assemble(self, input: AssembleInput) -> AssembleResult:
        from activities.assemble_artifact import assemble_artifact

        return await assemble_artifact(input, self.plans)

    @activity.defn(name=VERIFY)
    @pause_on_store_errors
    async def verify(self, input: VerifyInput) -> VerifyResult:
        from activities.verify_artifact import verify_artifact

        return await verify_artifact(input, self.plans)

    @activity.defn(name=LOG)
    @pause_on_store_errors
    async def log(self, input: LogInput) -> LogResult:
        from activities.log_to_mlflow import log_to_mlflow

        return await log_to_mlflow(input, self.plans)
