"""One endpoint and model: how many calls and tokens each worker process may spend, over all runs."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from quire import rate_limits
    from quire.contracts import LEASE, RATES

IDLE = 300.0
"""Seconds without a lease after which it ends; the next one starts it anew."""
LEASES = 700
"""In one history: far from the server's 2,000 updates and 4,096 events that it suggests to begin anew at."""


@workflow.defn(name=RATES)
class Rates:
    """Started by the first call of a model with `rpm` or `tpm`; ends by itself when nobody asks for some minutes."""

    @workflow.init
    def __init__(self, kept: rate_limits.Rates | None = None) -> None:
        self.kept = kept or rate_limits.Rates()
        self.leases = 0
        self.asked = workflow.now().timestamp()

    @workflow.run
    async def run(self, kept: rate_limits.Rates | None = None) -> None:
        while (left := IDLE - (workflow.now().timestamp() - self.asked)) > 0:
            try:
                await workflow.wait_condition(lambda: self._long(), timeout=timedelta(seconds=left))
            except TimeoutError:
                continue
            await workflow.wait_condition(workflow.all_handlers_finished)
            workflow.continue_as_new(self.kept)

    @workflow.update(name=LEASE, description="What a worker process may spend now; it says what it wants and spent")
    def lease(self, ask: rate_limits.Ask) -> rate_limits.Lease:
        self.leases += 1
        self.asked = workflow.now().timestamp()
        return self.kept.lease(ask, self.asked)

    def _long(self) -> bool:
        return self.leases >= LEASES or workflow.info().is_continue_as_new_suggested()
