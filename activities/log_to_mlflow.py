"""Log a run to MLflow as far as it is: the batches that are in the store and not logged yet; at its end, what is bound.

Who logs is an activity of its own, which the run starts now and then and no call of the model waits for. What is there
is read from the store, and what was logged is noted there afterwards: a crash in between logs it once more, to the same
files, records and points.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.store.plan_file import OpenPlan, Plans
from activities.tracking.batch_log import Place
from activities.tracking.mlflow_client import Tracker, TrackingError, told
from activities.tracking.run_claim import claim
from activities.tracking.run_end import end
from quire.contracts import Logged, LogInput
from quire.request import Mlflow

BEAT = 5.0


async def log(given: LogInput, plans: Plans) -> Logged:
    """The activity. What MLflow refuses is not tried again; what it may take later is."""
    plan = await plans.read(given.job)
    if len(plan.slots) < given.target:  # another worker has made it longer
        plans.forget(given.job)
        plan = await plans.read(given.job)
    said = plan.request.output.mlflow
    assert said is not None, "only runs that name an MLflow server are logged"
    async with _beating():
        try:
            return await logged(plan, said, given)
        except TrackingError as error:
            benign = ApplicationErrorCategory.BENIGN  # no run fails of it: it is no alarm
            raise ApplicationError(
                str(error), type="TrackingError", non_retryable=not error.again, category=benign
            ) from None


async def logged(plan: OpenPlan, said: Mlflow, given: LogInput) -> Logged:
    """Log what there is. Raises TrackingError."""
    tracker = await asyncio.to_thread(told, said.tracking_uri, Tracker, said)
    place = Place(plan, await claim(plan, tracker))
    await place.begin()
    if given.verdict is None:
        await place.tell(tracker.go_on, place.run)
    await place.new_batches()
    points = [(name, value, given.at, given.step) for name, value in given.figures.items()]
    await place.tell(tracker.points, place.run, points)
    warnings = [] if given.verdict is None else await end(place, given.verdict, given.at)
    return Logged(address=tracker.address(place.claim.experiment, place.run), warnings=warnings)


@asynccontextmanager
async def _beating() -> AsyncGenerator[None]:
    """Heartbeats, so that a worker that dies is noticed."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(BEAT)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
