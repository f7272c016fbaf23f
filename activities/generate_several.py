"""The activity `generate_several`: several calls of the model in one activity."""

import asyncio
from collections import deque

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.generate_batch import generate_batch
from activities.model.endpoints import Endpoints
from activities.store.object_store import StoreError
from activities.store.plan_file import PlanCache
from quire.contracts import CALLED_ELSEWHERE, GenerateSeveralInput, GenerateSeveralResult
from quire.outcome import read_unheard_usage


async def generate_several(
    input: GenerateSeveralInput, endpoints: Endpoints, plans: PlanCache
) -> GenerateSeveralResult:
    """Make the calls of `input`, `call_slots` at a time, and return the outcomes of those that were answered.

    Calls start for `start_window` seconds. After a failed call no further call starts: the workflow sends the rest one
    at a time, each with all the retries that a single call has.
    """
    waiting, result = deque(input.calls), GenerateSeveralResult(outcomes=[])
    input.calls.clear()  # frees each call when it is done: there may be thousands of short calls
    clock = asyncio.get_running_loop().time
    window_end = clock() + input.start_window

    async def run_call_slot() -> None:
        while waiting and clock() < window_end and not activity.is_worker_shutdown():
            try:
                result.outcomes.append(await generate_batch(waiting.popleft(), endpoints, plans))
            except StoreError:
                waiting.clear()
                raise
            except ApplicationError as error:
                if error.type == CALLED_ELSEWHERE:  # all of the calls go there, together
                    waiting.clear()
                    raise
                result.unheard = result.unheard.plus(read_unheard_usage(error.details))
                result.failed = True
                waiting.clear()
            except Exception:  # of our own code: alone, the call is tried again and its answer blamed, and no other
                result.failed = True
                waiting.clear()

    # wait for each call slot: a call that went on after its activity had failed would exceed the run's concurrency
    errors = await asyncio.gather(*(run_call_slot() for _ in range(input.call_slots)), return_exceptions=True)
    for error in errors:
        if error is not None:
            raise error
    return result
