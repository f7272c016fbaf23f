"""The activities as the workflow calls them: time limits, retries, and their summaries in the Web UI."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutError, TimeoutType

from quire import contracts
from quire.contracts import (
    AssembleInput,
    AssembleResult,
    DeduplicateInput,
    DeduplicateResult,
    ExtendInput,
    ExtendResult,
    FallBackInput,
    GenerateInput,
    GenerateSeveralInput,
    GenerateSeveralResult,
    LogInput,
    LogResult,
    PlanInput,
    PlanResult,
    PrepareInput,
    ReviewInput,
    VerifyInput,
    VerifyResult,
)
from quire.outcome import Outcome
from quire.request import ModelChoice
from quire.slots import Batch, format_ranges

T = TypeVar("T")

STORE_RETRIES = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))
MODEL_RETRIES = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    maximum_interval=timedelta(minutes=2),
    non_retryable_error_types=["PayloadsTooLarge"],
)
CALL_PATIENCE = timedelta(hours=6)
"""How long a call is retried while the endpoint does not answer."""
HEARTBEAT_TIMEOUT = timedelta(seconds=15)
"""How long a worker may be silent before its activities are given to another one: activities beat every 5 seconds."""
FIT_PATIENCE = timedelta(seconds=5)
"""How long a call waits for a worker of the run's endpoint, after another worker has passed it on."""
LOG_PATIENCE = timedelta(minutes=15)
"""How long MLflow may take to record a log. If it does not answer at all, the retries end much sooner."""
SUMMARY_LENGTH = 200
"""Characters of a summary that the server accepts."""


async def call_plan(input: PlanInput) -> PlanResult:
    """Lay the request out. Raises ApplicationError with a message for the person."""
    try:
        return await workflow.execute_activity(
            contracts.PLAN,
            input,
            result_type=PlanResult,
            start_to_close_timeout=timedelta(minutes=10),
            retry_policy=STORE_RETRIES,
            summary=f"lay out the {input.request.recipe}",
        )
    except ActivityError as error:
        raise to_failure(error) from error


# Calls of a model -----------------------------------------------------------------------------------------------------


async def call_prepare(input: PrepareInput, limit: timedelta) -> Outcome:
    """Make one call of the planning model."""
    name = f"prepare-{input.key}"
    return await _call_model(contracts.PREPARE, input, Outcome, name, limit, f"plan {input.key}")


async def call_generate(input: GenerateInput, limit: timedelta, noun: str, planned: int) -> Outcome:
    """Make one call of the generating model for a batch of `planned`."""
    name = input.batch.name
    activity_id = f"batch-{name}{'-again' if input.hedge else ''}"
    race = " (a second call races the first)" if input.hedge else ""
    title = f"batch {name}/{planned}, {noun} {format_ranges(input.batch.slots)}{race}"
    return await _call_model(contracts.GENERATE, input, Outcome, activity_id, limit, title)


async def call_generate_several(
    input: GenerateSeveralInput, limit: timedelta, noun: str, planned: int
) -> GenerateSeveralResult:
    """Make several calls of the generating model in one activity; `limit` is the time limit of each call."""
    numbers = [number for call in input.calls for number in call.batch.slots]
    roots = format_ranges(sorted({call.batch.root for call in input.calls}))
    title = f"{len(input.calls)} batches, {roots} of {planned}, {noun} {format_ranges(numbers)}"
    activity_id = _name_bundle([call.batch for call in input.calls])
    calls_per_slot = -(-len(input.calls) // input.call_slots)
    return await _call_model(
        contracts.GENERATE_SEVERAL, input, GenerateSeveralResult, activity_id, limit * calls_per_slot, title
    )


def _name_bundle(batches: Sequence[Batch]) -> str:
    return f"batches-{batches[0].name}-and-{len(batches) - 1}-more"


async def call_review(input: ReviewInput, limit: timedelta) -> Outcome:
    """Make one call of the reviewing model."""
    name = input.batch.name
    return await _call_model(contracts.REVIEW, input, Outcome, f"review-{name}", limit, f"judge batch {name}")


async def _call_model(
    name: str, input: object, result_type: type[T], activity_id: str, limit: timedelta, title: str
) -> T:
    return await _run_where_it_fits(
        name,
        input,
        result_type,
        activity_id=activity_id,
        start_to_close_timeout=limit,
        schedule_to_close_timeout=max(CALL_PATIENCE, limit),
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=MODEL_RETRIES,
        summary=title[:SUMMARY_LENGTH],
    )


async def _run_where_it_fits(name: str, input: object, result_type: type[T], **options: Any) -> T:
    """Run an activity; if it comes to a worker that is set up for another endpoint, run it where the run's own is.

    Raises the first worker's failure, for which the run pauses, if no worker of the run's endpoint takes it.
    """
    try:
        return await workflow.execute_activity(name, input, result_type=result_type, **options)
    except ActivityError as error:
        failure, elsewhere = error, to_failure(error)
        if elsewhere.type != contracts.CALLED_ELSEWHERE:
            raise
    try:
        return await workflow.execute_activity(
            name,
            input,
            result_type=result_type,
            task_queue=str(elsewhere.details[0]),
            schedule_to_start_timeout=FIT_PATIENCE,
            **options,
        )
    except ActivityError as error:
        if isinstance(error.cause, TimeoutError) and error.cause.type == TimeoutType.SCHEDULE_TO_START:
            raise failure from failure.cause  # `from None` would take the cause away, which names the address
        raise


def choose_time_limit(model: ModelChoice, *, reasoning: bool) -> timedelta:
    """Return how long one call may take, including the time that it may wait for a throttled endpoint."""
    return timedelta(seconds=int(model.timeout_seconds * (1.5 if reasoning else 1)) + 300)


# Work on the store ----------------------------------------------------------------------------------------------------


async def call_fall_back(input: FallBackInput) -> Outcome:
    """Fill slots from the recipe's templates."""
    title = f"templates for {format_ranges(input.slots)}"
    return await _work_on_store(contracts.FALL_BACK, input, Outcome, title, limit=timedelta(minutes=2))


async def call_deduplicate(input: DeduplicateInput) -> DeduplicateResult:
    """Find duplicates; with embeddings this calls an endpoint, which may be unreachable for a while."""
    title = f"look for duplicates, round {input.round}"
    return await _work_on_store(
        contracts.DEDUPLICATE, input, DeduplicateResult, title, heartbeats=True, patience=CALL_PATIENCE
    )


async def call_extend(input: ExtendInput) -> ExtendResult:
    """Add slots to the plan."""
    title = f"{input.more_slots} more"
    return await _work_on_store(contracts.EXTEND, input, ExtendResult, title, limit=timedelta(minutes=10))


async def call_assemble(input: AssembleInput, title: str) -> AssembleResult:
    """Assemble the artifact."""
    return await _work_on_store(contracts.ASSEMBLE, input, AssembleResult, title, heartbeats=True)


async def call_verify(input: VerifyInput) -> VerifyResult:
    """Check the artifact and write the report."""
    title = "check counts, schema, ids and the recipe's own rules"
    return await _work_on_store(contracts.VERIFY, input, VerifyResult, title, heartbeats=True)


async def call_log(input: LogInput, title: str) -> LogResult:
    """Send the run's progress to MLflow, with few retries: it is sent again with the next batches, or by hand."""
    is_last = input.verdict is not None
    return await workflow.execute_activity(
        contracts.LOG,
        input,
        result_type=LogResult,
        schedule_to_close_timeout=LOG_PATIENCE,
        heartbeat_timeout=timedelta(seconds=20),
        retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=5 if is_last else 2),
        summary=title[:SUMMARY_LENGTH],
    )


async def _work_on_store(
    name: str,
    input: object,
    result_type: type[T],
    title: str,
    *,
    limit: timedelta = timedelta(minutes=30),
    heartbeats: bool = False,
    patience: timedelta | None = None,
) -> T:
    """Run an activity that is retried until it succeeds or `patience` ends; `limit` is that of one attempt."""
    return await _run_where_it_fits(
        name,
        input,
        result_type,
        start_to_close_timeout=limit,
        schedule_to_close_timeout=patience,
        heartbeat_timeout=HEARTBEAT_TIMEOUT if heartbeats else None,
        retry_policy=STORE_RETRIES,
        summary=title[:SUMMARY_LENGTH],
    )


def to_failure(error: ActivityError) -> ApplicationError:
    """Return the failure that the activity raised, or its timeout in words."""
    cause = error.cause
    while cause is not None and not isinstance(cause, ApplicationError) and cause.__cause__ is not None:
        cause = cause.__cause__  # a timeout carries the last attempt's failure
    if isinstance(cause, ApplicationError):
        return ApplicationError(cause.message, *cause.details, type=cause.type, non_retryable=True)
    return ApplicationError(str(cause or error), type="ActivityFailed", non_retryable=True)
