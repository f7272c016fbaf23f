"""The activities as a worker hosts them: one set of clients and open plans per process.

Each is imported at its first call: a worker at rest holds no client of any model.
"""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from temporalio import activity

from activities.limits.slot_handover import Relay
from activities.model.endpoints import Endpoints
from activities.model.http_errors import setup_error
from activities.report.spool_handover import Pages
from activities.store.object_store import StoreError
from activities.store.plan_file import Plans
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
    Assembled,
    AssembleInput,
    Deduplicated,
    DeduplicateInput,
    Extended,
    ExtendInput,
    FallBackInput,
    GenerateInput,
    GenerateSeveralInput,
    Logged,
    LogInput,
    PlanInput,
    Planned,
    PrepareInput,
    ReviewInput,
    Several,
    Verified,
    VerifyInput,
)
from quire.outcome import Outcome

P = ParamSpec("P")
R = TypeVar("R")


def mendable(work: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """A store that cannot be read or written is for a person to mend: the run waits, and nothing is tried in vain."""

    @functools.wraps(work)
    async def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await work(*args, **kwargs)
        except StoreError as error:
            raise setup_error(str(error)) from None

    return told


class Activities:
    """Hand `all()` to a Worker."""

    def __init__(self, endpoints: Endpoints, *, slots: int, search_attributes: bool = False) -> None:
        self.endpoints = endpoints
        self.search_attributes = search_attributes
        self.plans = Plans()
        self.pages = Pages()
        self.relay = Relay(slots)

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
    @mendable
    async def plan(self, given: PlanInput) -> Planned:
        from activities.plan_run import plan

        return await plan(given, self.endpoints, self.plans, search_attributes=self.search_attributes)

    @activity.defn(name=PREPARE)
    @mendable
    async def prepare(self, given: PrepareInput) -> Outcome:
        from activities.prepare_and_review import prepare

        return await prepare(given, self.endpoints, self.plans)

    @activity.defn(name=REVIEW)
    @mendable
    async def review(self, given: ReviewInput) -> Outcome:
        from activities.prepare_and_review import review

        return await review(given, self.endpoints, self.plans)

    @activity.defn(name=FALL_BACK)
    @mendable
    async def fall_back(self, given: FallBackInput) -> Outcome:
        from activities.generate_batch import fall_back

        return await fall_back(given, self.plans)

    @activity.defn(name=DEDUPLICATE)
    @mendable
    async def deduplicate(self, given: DeduplicateInput) -> Deduplicated:
        from activities.find_duplicates import deduplicate

        return await deduplicate(given, self.endpoints, self.plans)

    @activity.defn(name=EXTEND)
    @mendable
    async def extend(self, given: ExtendInput) -> Extended:
        from activities.plan_run import extend

        return await extend(given, self.plans)

    @activity.defn(name=GENERATE)
    @mendable
    async def generate(self, given: GenerateInput) -> Outcome:
        from activities.generate_batch import generate

        return await generate(given, self.endpoints, self.plans)

    @activity.defn(name=GENERATE_SEVERAL)
    @mendable
    async def generate_several(self, given: GenerateSeveralInput) -> Several:
        from activities.generate_several import generate_several

        return await generate_several(given, self.endpoints, self.plans, self.relay)

    @activity.defn(name=ASSEMBLE)
    @mendable
    async def assemble(self, given: AssembleInput) -> Assembled:
        from activities.assemble_artifact import assemble

        return await assemble(given, self.plans, self.pages)

    @activity.defn(name=VERIFY)
    @mendable
    async def verify(self, given: VerifyInput) -> Verified:
        from activities.verify_artifact import verify

        return await verify(given, self.plans, self.pages)

    @activity.defn(name=LOG)
    @mendable
    async def log(self, given: LogInput) -> Logged:
        from activities.log_to_mlflow import log

        return await log(given, self.plans)
