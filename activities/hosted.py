"""The activities as a worker hosts them: one set of clients and open plans per process."""

from collections.abc import Callable
from typing import Any

from temporalio import activity

from activities.assemble import assemble, verify
from activities.endpoint import Endpoints
from activities.generate import generate
from activities.plan import plan
from activities.planfile import Plans
from quire.contracts import (
    ASSEMBLE,
    GENERATE,
    PLAN,
    VERIFY,
    Assembled,
    AssembleInput,
    GenerateInput,
    PlanInput,
    Planned,
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
        return [self.plan, self.generate, self.assemble, self.verify]

    @activity.defn(name=PLAN)
    async def plan(self, given: PlanInput) -> Planned:
        return await plan(given, self.plans, search_attributes=self.search_attributes)

    @activity.defn(name=GENERATE)
    async def generate(self, given: GenerateInput) -> Outcome:
        return await generate(given, self.endpoints, self.plans)

    @activity.defn(name=ASSEMBLE)
    async def assemble(self, given: AssembleInput) -> Assembled:
        return await assemble(given, self.plans)

    @activity.defn(name=VERIFY)
    async def verify(self, given: VerifyInput) -> Verified:
        return await verify(given, self.plans)
