"""Several calls in one activity."""

import asyncio
from collections import deque

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.generate_batch import generate
from activities.limits.slot_handover import Relay
from activities.model.endpoints import Endpoints
from activities.store.plan_file import Plans
from quire.contracts import GenerateSeveralInput, Several


async def generate_several(given: GenerateSeveralInput, endpoints: Endpoints, plans: Plans, relay: Relay) -> Several:
    """Make several calls, `places` at a time, for as long as `seconds` allows. After one that gave no answer no further
    one is begun: what is left is sent again by itself, with all the patience that a single call has."""
    info = activity.info()
    run = info.workflow_run_id or ""
    key = run, info.activity_id
    ahead = await relay.found((run, given.behind)) if given.behind else None
    if given.behind and ahead is None:
        return Several(outcomes=[], failed=False, worker=relay.worker)
    left, made = deque(given.calls), Several(outcomes=[], failed=False, worker=relay.worker)
    given.calls.clear()  # what is done is let go of: thousands of short calls may be here
    places, clock = relay.opened(key, given.places), asyncio.get_running_loop().time
    began = list[float]()

    async def place() -> None:
        if ahead is not None and not await ahead.taken(2 * given.seconds):
            return
        began.append(clock())
        while left and clock() < began[0] + given.seconds and not activity.is_worker_shutdown():
            try:
                made.outcomes.append(await generate(left.popleft(), endpoints, plans))
            except ApplicationError:
                made.failed = True
                left.clear()
            except Exception:
                left.clear()
                raise
        places.leave()

    try:
        # each to its end: a call that goes on when its activity has failed would hold a place that others take
        ends = await asyncio.gather(*(place() for _ in range(given.places)), return_exceptions=True)
        for failure in ends:
            if failure is not None:
                raise failure
    finally:
        places.end()
        relay.ended(key)
    return made
