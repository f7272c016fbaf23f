"""The workflow `Rates`: how many calls and tokens of one endpoint and model each worker process may spend, over all
runs."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from quire import rate_limits
    from quire.contracts import LEASE_UPDATE, RATE_KEEPER_WORKFLOW

IDLE = 300.0
"""Seconds without a lease after which the workflow ends; the next lease starts it again."""
MAX_LEASES = 700
"""Leases in one history: far below the 2,000 updates and 4,096 events at which the server suggests a new one."""


@workflow.defn(name=RATE_KEEPER_WORKFLOW)
class RateKeeper:
    """Grants leases on an endpoint's rate limits. The first call of a model with `rpm` or `tpm` starts it; it ends by
    itself when nobody asks for some minutes."""

    @workflow.init
    def __init__(self, rates: rate_limits.EndpointRates | None = None) -> None:
        self.rates = rates or rate_limits.EndpointRates()
        self.leases = 0
        self.last_asked = workflow.now().timestamp()

    @workflow.run
    async def run(self, rates: rate_limits.EndpointRates | None = None) -> None:
        while (idle_left := IDLE - (workflow.now().timestamp() - self.last_asked)) > 0:
            try:
                await workflow.wait_condition(self._is_long, timeout=timedelta(seconds=idle_left))
            except TimeoutError:
                continue
            await workflow.wait_condition(workflow.all_handlers_finished)
            workflow.continue_as_new(self.rates)

    @workflow.update(
        name=LEASE_UPDATE, description="What a worker process may spend now; it says what it wants and spent"
    )
    def lease(self, ask: rate_limits.LeaseRequest) -> rate_limits.Lease:
        self.leases += 1
        self.last_asked = workflow.now().timestamp()
        return self.rates.lease(ask, self.last_asked)

    def _is_long(self) -> bool:
        return self.leases >= MAX_LEASES or workflow.info().is_continue_as_new_suggested()
