"""Several calls in one activity."""

import asyncio
from collections import deque

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.endpoint import Endpoints
from activities.generate import generate
from activities.planfile import Plans
from activities.relay import Relay
from quire.contracts import GenerateSeveralInput, Several
from quire.outcome import Outcome


async def generate_several(given: GenerateSeveralInput, endpoints: Endpoints, plans: Plans, relay: Relay) -> Several:
    """Make several calls, `places` at a time. After one that gave no answer no further one is begun: what is left is
    sent again by itself, with all the patience that a single call has."""
    info = activity.info()
    run = info.workflow_run_id or ""
    key = run, info.activity_id
    ahead = await relay.stand(key, (run, given.behind)) if given.behind else None
    if given.behind and ahead is None:
        return Several(outcomes=[], stood=False)
    left, outcomes = deque(given.calls), list[Outcome]()
    places = relay.opened(key, given.places)

    async def place() -> None:
        if ahead is not None:
            await ahead.taken()
            relay.goes(key)
        while left and not activity.is_worker_shutdown():
            try:
                outcomes.append(await generate(left.popleft(), endpoints, plans))
            except ApplicationError:
                left.clear()
        places.leave()

    try:
        await asyncio.gather(*(place() for _ in range(given.places)))
    finally:
        relay.goes(key)
        places.end()
    return Several(outcomes=outcomes)
