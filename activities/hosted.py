"""The activities as a worker hosts them: one set of clients and open plans per process."""

from collections.abc import Callable
from typing import Any

from temporalio import activity

from activities.advise import prepare, review
from activities.assemble import assemble, verify
from activities.deduplicate import deduplicate
from activities.endpoint import Endpoints
from activities.generate import fall_back, generate
from activities.plan import extend, plan
from activities.planfile import Plans
from quire.contracts import (
    ASSEMBLE,
    DEDUPLICATE,
    EXTEND,
    FALL_BACK,
    GENERATE,
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
    PlanInput,
    Planned,
    PrepareInput,
    ReviewInput,
    Verified,
    VerifyInput,
)
from quire.outcome import Outcome


class Activities:
    """Hand `all()` to a Worker."""

    def __init__(self, endpoints: Endpoints, *, search_attributes: bool = False) -> None:
        self.endpoints = endpoints
        self.search_attributes = search_attributes
        self.plans = Plans()

    def all(self) -> list[Callable[..., Any]]:
        return [
            self.plan,
            self.prepare,
            self.generate,
            self.review,
            self.fall_back,
            self.deduplicate,
            self.extend,
            self.assemble,
            self.verify,
        ]

    @activity.defn(name=PLAN)
    async def plan(self, given: PlanInput) -> Planned:
        return await plan(given, self.plans, search_attributes=self.search_attributes)

    @activity.defn(name=PREPARE)
    async def prepare(self, given: PrepareInput) -> Outcome:
        return await prepare(given, self.endpoints, self.plans)

    @activity.defn(name=REVIEW)
    async def review(self, given: ReviewInput) -> Outcome:
        return await review(given, self.endpoints, self.plans)

    @activity.defn(name=FALL_BACK)
    async def fall_back(self, given: FallBackInput) -> Outcome:
        return await fall_back(given, self.plans)

    @activity.defn(name=DEDUPLICATE)
    async def deduplicate(self, given: DeduplicateInput) -> Deduplicated:
        return await deduplicate(given, self.endpoints, self.plans)

    @activity.defn(name=EXTEND)
    async def extend(self, given: ExtendInput) -> Extended:
        return await extend(given, self.plans)

    @activity.defn(name=GENERATE)
    async def generate(self, given: GenerateInput) -> Outcome:
        return await generate(given, self.endpoints, self.plans)

    @activity.defn(name=ASSEMBLE)
    async def assemble(self, given: AssembleInput) -> Assembled:
        return await assemble(given, self.plans)

    @activity.defn(name=VERIFY)
    async def verify(self, given: VerifyInput) -> Verified:
        return await verify(given, self.plans)
