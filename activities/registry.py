"""All activities as a worker hosts them, with one set of clients and open plans per process.

Each is imported at its first call, so that an idle worker does not load the client of the models.
"""

from collections.abc import Callable
from typing import Any

from temporalio import activity

from activities.heartbeats import regular_heartbeats
from activities.internal_errors import sort_errors
from activities.limits.rate_turn import keep_rate_waits
from activities.model.endpoints import Endpoints
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
    @sort_errors
    async def plan(self, input: PlanInput) -> PlanResult:
        from activities.plan_run import plan_run

        return await plan_run(input, self.endpoints, self.plans, search_attributes=self.search_attributes)

    @activity.defn(name=PREPARE)
    @sort_errors
    async def prepare(self, input: PrepareInput) -> Outcome:
        from activities.prepare_and_review import run_preparation

        return await run_preparation(input, self.endpoints, self.plans)

    @activity.defn(name=REVIEW)
    @sort_errors
    async def review(self, input: ReviewInput) -> Outcome:
        from activities.prepare_and_review import review_batch

        return await review_batch(input, self.endpoints, self.plans)

    @activity.defn(name=FALL_BACK)
    @sort_errors
    async def fall_back(self, input: FallBackInput) -> Outcome:
        from activities.generate_batch import fill_batch_from_templates

        return await fill_batch_from_templates(input, self.plans)

    @activity.defn(name=DEDUPLICATE)
    @sort_errors
    async def deduplicate(self, input: DeduplicateInput) -> DeduplicateResult:
        from activities.find_duplicates import find_duplicates

        with regular_heartbeats(details=keep_rate_waits):
            return await find_duplicates(input, self.endpoints, self.plans)

    @activity.defn(name=EXTEND)
    @sort_errors
    async def extend(self, input: ExtendInput) -> ExtendResult:
        from activities.plan_run import extend_run

        return await extend_run(input, self.plans)

    @activity.defn(name=GENERATE)
    @sort_errors
    async def generate(self, input: GenerateInput) -> Outcome:
        from activities.generate_batch import generate_batch

        return await generate_batch(input, self.endpoints, self.plans)

    @activity.defn(name=GENERATE_SEVERAL)
    @sort_errors
    async def generate_several(self, input: GenerateSeveralInput) -> GenerateSeveralResult:
        from activities.generate_several import generate_several

        return await generate_several(input, self.endpoints, self.plans)

    @activity.defn(name=ASSEMBLE)
    @sort_errors
    async def assemble(self, input: AssembleInput) -> AssembleResult:
        from activities.assemble_artifact import assemble_artifact

        with regular_heartbeats():
            return await assemble_artifact(input, self.plans)

    @activity.defn(name=VERIFY)
    @sort_errors
    async def verify(self, input: VerifyInput) -> VerifyResult:
        from activities.verify_artifact import verify_artifact

        with regular_heartbeats():
            return await verify_artifact(input, self.plans)

    @activity.defn(name=LOG)
    @sort_errors
    async def log(self, input: LogInput) -> LogResult:
        from activities.log_to_mlflow import log_to_mlflow

        return await log_to_mlflow(input, self.plans)
