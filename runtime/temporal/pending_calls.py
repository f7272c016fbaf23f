"""Activities of a run and its shards that have not ended: what is going to be retried, why, and when."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError

from quire.contracts import AWAITS_RATE_LIMIT, SHARD_WORKFLOW
from quire.durations import format_duration
from runtime.text.wording import format_count, format_time_of_day, make_printable

RATE_LIMIT_FAILURE = "RateLimitError"
"""The failure type of an HTTP 429, as OpenAI's client names it."""
SLOW_SECONDS = 8.0
"""Seconds after which an activity that is at work is named, if nothing else moves."""
MAX_TROUBLE = 300
"""Characters of the message of what keeps a run from moving."""
_RATE_FAILURES = (RATE_LIMIT_FAILURE, AWAITS_RATE_LIMIT)
"""Failures that `RetryingCalls.describe_wait` is about."""
_STARTED = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
MAX_REASON = 120
"""Characters of an endpoint's message that are shown."""


@dataclass(frozen=True)
class RetryingCalls:
    """Calls that are waiting for a retry, or for a rate slot."""

    retried: int = 0
    """Calls that have failed at least once and are not back."""
    rate_limited: int = 0
    """Calls that wait because the endpoint has answered HTTP 429."""
    awaiting_rates: int = 0
    """Calls that wait for a slot under `rpm` and `tpm`."""
    next_attempt: float | None = None
    """When the first of the waiting calls is retried, in seconds since 1970."""
    reason: str = ""
    """The most frequent message of the failed calls."""
    trouble: str = ""
    """What keeps the run from moving, as a sentence: an activity that fails again and again, or takes very long."""
    trouble_kind: str = ""
    """The trouble without its counts and times, which change from view to view."""

    def describe_wait(self) -> str:
        """Return what the calls wait for, in words; empty if none waits for a rate limit."""
        until = f" until {format_time_of_day(self.next_attempt)}" if self.next_attempt else ""
        if self.rate_limited:
            return f"rate limit{until}: {format_count(self.rate_limited, 'call')} told to slow down"
        if self.awaiting_rates:
            return f"the model's rates (rpm, tpm){until}: {format_count(self.awaiting_rates, 'call')} in line"
        return ""


async def fetch_retrying_calls(client: Client, description: WorkflowExecutionDescription, now: float) -> RetryingCalls:
    """Return the waiting calls of a live run and its shards. `now` is in seconds since 1970."""
    run = description.raw_description
    shards = [child.workflow_id for child in run.pending_children if child.workflow_type_name == SHARD_WORKFLOW]
    activities = list(run.pending_activities)
    for more in await asyncio.gather(*(_fetch_pending_activities(client, shard) for shard in shards)):
        activities += more
    return count_retrying_calls(activities, now)


async def _fetch_pending_activities(client: Client, shard: str) -> list[Any]:
    try:
        return list((await client.get_workflow_handle(shard).describe()).raw_description.pending_activities)
    except RPCError:  # the shard has just ended
        return []


def count_retrying_calls(activities: Sequence[Any], now: float) -> RetryingCalls:
    """Count the waiting calls among the server's records of pending activities (`PendingActivityInfo`)."""
    retries = [
        (activity, activity.last_failure.application_failure_info.type)
        for activity in activities
        if activity.attempt > 1
    ]
    failed = [activity for activity, kind in retries if kind != AWAITS_RATE_LIMIT]
    scheduled = PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
    waiting = [(activity, kind) for activity, kind in retries if activity.state == scheduled]
    trouble, trouble_kind = describe_trouble(activities, now)
    attempt_times = [activity.next_attempt_schedule_time.ToNanoseconds() / 1e9 for activity, _ in waiting]
    reasons = Counter(make_printable(activity.last_failure.message)[:MAX_REASON] for activity in failed)
    return RetryingCalls(
        retried=len(failed),
        rate_limited=sum(kind == RATE_LIMIT_FAILURE for _, kind in waiting),
        awaiting_rates=sum(kind == AWAITS_RATE_LIMIT for _, kind in waiting),
        next_attempt=min((seconds for seconds in attempt_times if seconds > now), default=None),
        reason=reasons.most_common(1)[0][0] if reasons else "",
        trouble=trouble,
        trouble_kind=trouble_kind,
    )


def describe_trouble(activities: Sequence[Any], now: float) -> tuple[str, str]:
    """Return what keeps these pending activities from ending, as a sentence and without its counts; both are empty if
    nothing does: first what fails, then what waits with an answer, then what has been at work for long."""
    failing = [
        activity
        for activity in activities
        if activity.attempt > 1 and activity.last_failure.application_failure_info.type not in _RATE_FAILURES
    ]
    if failing:
        worst = max(failing, key=lambda activity: activity.attempt)
        reason = make_printable(worst.last_failure.message)[:MAX_TROUBLE]
        name = _name_activity(worst)
        others = f", and {len(failing) - 1:,} more" if len(failing) > 1 else ""
        times = format_count(worst.attempt - 1, "time")
        return f"{name} has failed {times} and is tried again{others}: {reason}", f"{name}: {reason}"
    for activity in activities:
        if words := _read_heartbeat_words(activity):
            return words, words.partition(":")[0]
    started = [activity for activity in activities if activity.state == _STARTED]
    if started:
        oldest = min(started, key=lambda activity: activity.last_started_time.ToNanoseconds())
        seconds = now - oldest.last_started_time.ToNanoseconds() / 1e9
        if seconds >= SLOW_SECONDS:
            name = _name_activity(oldest)
            return f"{name} has been at work for {format_duration(seconds)}", f"{name} is slow"
    return "", ""


def _name_activity(activity: Any) -> str:
    """Return an activity's name, with its batch if it has one."""
    name = activity.activity_type.name or "an activity"
    return name if activity.activity_id.isdecimal() or not activity.activity_id else f"{name} {activity.activity_id}"


def _read_heartbeat_words(activity: Any) -> str:
    """Return the sentence that an activity reports as the fourth detail of its heartbeat, if it does."""
    payloads = activity.heartbeat_details.payloads
    try:
        words = json.loads(payloads[3].data) if len(payloads) > 3 else ""
    except ValueError:
        return ""
    return make_printable(words)[:MAX_TROUBLE] if isinstance(words, str) else ""
