"""The activities as the workflow calls them: time limits, retries, and what the Web UI calls each."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from quire.call_bundles import MOST_TURNS
from quire.contracts import (
    ASSEMBLE,
    DEDUPLICATE,
    EXTEND,
    FALL_BACK,
    GENERATE,
    GENERATE_SEVERAL,
    LOG,
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
    GenerateSeveralInput,
    Logged,
    LogInput,
    PlanInput,
    Planned,
    PrepareInput,
    ReviewInput,
    Several,
    Verified,
    VerifyInput,
)
from quire.outcome import Outcome
from quire.request import ModelChoice
from quire.slots import Batch, ranges

T = TypeVar("T")

LOCAL = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))
CALLS = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    maximum_interval=timedelta(minutes=2),
    non_retryable_error_types=["PayloadsTooLarge"],
)
PATIENCE = timedelta(hours=6)
"""How long one call is tried again while the endpoint does not answer."""
LOG_PATIENCE = timedelta(minutes=15)
"""How long MLflow may take over what it is told. Where it does not answer at all, the tries are over much sooner."""


async def plan(given: PlanInput) -> Planned:
    """Lay the request out. Raises ApplicationError in words for the person."""
    try:
        return await workflow.execute_activity(
            PLAN,
            given,
            result_type=Planned,
            start_to_close_timeout=timedelta(minutes=10),
            retry_policy=LOCAL,
            summary=f"lay out the {given.request.recipe}",
        )
    except ActivityError as error:
        raise as_failure(error) from error


async def prepare(given: PrepareInput, limit: timedelta) -> Outcome:
    """One call of the planning model."""
    return await _call(PREPARE, given, Outcome, f"prepare-{given.key}", limit, f"plan {given.key}")


async def generate(given: GenerateInput, limit: timedelta, noun: str, planned: int) -> Outcome:
    """One call of the generating model."""
    name = given.batch.name
    again = " (a second call races the first)" if given.hedge else ""
    title = f"batch {name}/{planned}, {noun} {ranges(given.batch.slots)}{again}"
    return await _call(GENERATE, given, Outcome, f"batch-{name}{'-again' if given.hedge else ''}", limit, title)


async def generate_several(given: GenerateSeveralInput, limit: timedelta, noun: str, planned: int) -> Several:
    """Calls of the generating model in one activity; `limit` is that of one call."""
    numbers = [number for call in given.calls for number in call.batch.slots]
    roots = ranges(sorted({call.batch.root for call in given.calls}))
    count = f"{len(given.calls)} batches, " if len(given.calls) > 1 else "batch "
    title = f"{count}{roots} of {planned}, {noun} {ranges(numbers)}"
    turns = -(-len(given.calls) // given.places)
    if given.behind:
        turns += MOST_TURNS  # of the activity ahead
    name = several_name([call.batch for call in given.calls])
    return await _call(GENERATE_SEVERAL, given, Several, name, limit * turns, title)


def several_name(batches: Sequence[Batch]) -> str:
    """The id of the activity that makes these calls."""
    first = batches[0].name
    return f"batches-{first}-and-{len(batches) - 1}-more" if len(batches) > 1 else f"batch-{first}"


async def review(given: ReviewInput, limit: timedelta) -> Outcome:
    """One call of the judging model."""
    return await _call(REVIEW, given, Outcome, f"review-{given.batch.name}", limit, f"judge batch {given.batch.name}")


async def _call(name: str, given: object, result: type[T], activity_id: str, limit: timedelta, title: str) -> T:
    return await workflow.execute_activity(
        name,
        given,
        result_type=result,
        activity_id=activity_id,
        start_to_close_timeout=limit,
        schedule_to_close_timeout=PATIENCE,
        heartbeat_timeout=timedelta(seconds=15),
        retry_policy=CALLS,
        summary=title[:200],
    )


async def fall_back(given: FallBackInput) -> Outcome:
    """Fill slots from the recipe's templates."""
    return await _work(FALL_BACK, given, Outcome, f"templates for {ranges(given.slots)}", limit=timedelta(minutes=2))


async def deduplicate(given: DeduplicateInput) -> Deduplicated:
    """Look for twins; with vectors this calls an endpoint, which may be away for a while."""
    title = f"look for twins, round {given.round}"
    return await _work(DEDUPLICATE, given, Deduplicated, title, beats=True, patience=PATIENCE)


async def extend(given: ExtendInput) -> Extended:
    """Make the plan longer."""
    return await _work(EXTEND, given, Extended, f"{given.more} more", limit=timedelta(minutes=10))


async def assemble(given: AssembleInput, title: str) -> Assembled:
    """Bind the artifact."""
    return await _work(ASSEMBLE, given, Assembled, title, beats=True)


async def verify(given: VerifyInput) -> Verified:
    """Check it."""
    return await _work(VERIFY, given, Verified, "check counts, schema, ids and the recipe's own rules", beats=True)


async def log(given: LogInput, title: str) -> Logged:
    """Tell MLflow how far the run is. No run waits long for that: it is told again later, or by hand."""
    last = given.verdict is not None
    return await workflow.execute_activity(
        LOG,
        given,
        result_type=Logged,
        schedule_to_close_timeout=LOG_PATIENCE,
        heartbeat_timeout=timedelta(seconds=20),
        retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=5 if last else 2),
        summary=title[:200],
    )


async def _work(
    name: str,
    given: object,
    result: type[T],
    title: str,
    *,
    limit: timedelta = timedelta(minutes=30),
    beats: bool = False,
    patience: timedelta | None = None,
) -> T:
    """Work on the store: tried again until it is done, or for as long as `patience`; `beats`: it heartbeats."""
    return await workflow.execute_activity(
        name,
        given,
        result_type=result,
        start_to_close_timeout=limit,
        schedule_to_close_timeout=patience,
        heartbeat_timeout=timedelta(seconds=60) if beats else None,
        retry_policy=LOCAL,
        summary=title[:200],
    )


def time_limit(model: ModelChoice, *, reasoning: bool) -> timedelta:
    """How long one call may take, with the time that it may wait for its turn at a throttled endpoint."""
    return timedelta(seconds=int(model.timeout_seconds * (1.5 if reasoning else 1)) + 300)


def as_failure(error: ActivityError) -> ApplicationError:
    """The activity's own failure, or its time limit in words."""
    cause = error.cause
    while cause is not None and not isinstance(cause, ApplicationError) and cause.__cause__ is not None:
        cause = cause.__cause__  # a time limit carries the last attempt's failure
    if isinstance(cause, ApplicationError):
        return ApplicationError(cause.message, *cause.details, type=cause.type, non_retryable=True)
    return ApplicationError(str(cause or error), type="ActivityFailed", non_retryable=True)
