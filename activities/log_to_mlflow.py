"""The activity `log`: send MLflow what is new of a run, and at the run's end its artifact.

The run starts it from time to time, and no call of a model waits for it. It reads everything from the store, and notes
there what it has logged only afterwards: after a crash it logs the same again, to the same files, records and points.
"""

import asyncio

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.heartbeats import regular_heartbeats
from activities.store.plan_file import OpenPlan, PlanCache
from activities.tracking.batch_log import BatchLog
from activities.tracking.mlflow_client import Tracker, TrackingError, with_tracking_errors
from activities.tracking.run_claim import claim_run
from activities.tracking.run_end import log_run_end
from quire.contracts import LogInput, LogResult
from quire.request import Mlflow


async def log_to_mlflow(input: LogInput, plans: PlanCache) -> LogResult:
    """Log a run to MLflow. Raises ApplicationError, not retryable if MLflow would refuse the same again."""
    plan = await plans.open_plan(input.job)
    if len(plan.slots) < input.target:  # another worker has extended it
        plans.forget(input.job)
        plan = await plans.open_plan(input.job)
    mlflow = plan.request.output.mlflow
    assert mlflow is not None, "only runs that name an MLflow server are logged"
    with regular_heartbeats():
        try:
            return await log_new_batches(plan, mlflow, input)
        except TrackingError as error:
            benign = ApplicationErrorCategory.BENIGN  # it fails no run, so it must not raise an alarm
            raise ApplicationError(
                str(error), type="TrackingError", non_retryable=not error.is_retryable, category=benign
            ) from None


async def log_new_batches(plan: OpenPlan, mlflow: Mlflow, input: LogInput) -> LogResult:
    """Log the metrics, and the batches that are in the store and not logged yet; with a verdict, also the run's end.

    Raises TrackingError.
    """
    tracker = await asyncio.to_thread(with_tracking_errors, mlflow.tracking_uri, Tracker, mlflow)
    log = BatchLog(plan, await claim_run(plan, tracker))
    await log.load()
    if input.verdict is None:
        await log.call_mlflow(tracker.reopen_run, log.run)
    await log.log_new_batches()
    points = [(name, value, input.timestamp, input.step) for name, value in input.metrics.items()]
    await log.call_mlflow(tracker.log_points, log.run, points)
    warnings = [] if input.verdict is None else await log_run_end(log, input.verdict, input.timestamp)
    return LogResult(address=tracker.run_address(log.claim.experiment, log.run), warnings=warnings)
