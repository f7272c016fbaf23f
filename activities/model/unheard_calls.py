"""Calls that were sent and ended without an answer: by a time limit, or because the connection broke off.

The endpoint may have answered all the same, and charge for it. What such a call may have cost is estimated and carried
from attempt to attempt in the activity's heartbeat details, which the server keeps through retries and the death of a
worker. It reaches the workflow with the answer, or with the failure that ends the activity.
"""

from typing import Any, NamedTuple

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.heartbeats import send_heartbeat
from activities.limits.rate_turn import count_rate_waits
from activities.model.http_errors import retryable_failure
from activities.model.pricing import usage_with_cost
from quire.contracts import GENERATE_SEVERAL, TIME_LIMIT_TOO_SHORT, UNHEARD
from quire.outcome import Usage
from quire.request import ModelChoice

MAX_TIMEOUTS = 3
"""Calls of one batch that exceed the time limit before the run waits, if no other call was answered meanwhile."""
MAX_UNHEARD = 3
"""Calls of one batch that end unheard before the workflow counts them, in a run with a budget."""


class UnheardCalls(NamedTuple):
    """The calls of an activity that ended unheard so far, and the tokens that they may have taken."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    timeouts: int = 0

    def to_usage(self, model: ModelChoice, *, simulated: bool) -> Usage:
        """Return what the calls may have cost, at list prices."""
        if not self.calls:
            return Usage()
        tokens = {"prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens}
        marks = {"calls": self.calls, "unheard_calls": self.calls, "unheard_tokens": sum(tokens.values())}
        return usage_with_cost(model.name, tokens, simulated=simulated).model_copy(update=marks)


def recall_unheard_calls() -> UnheardCalls:
    """Return the calls that ended unheard in earlier attempts of the current activity."""
    if not activity.in_activity() or activity.info().activity_type == GENERATE_SEVERAL:
        return UnheardCalls()  # the calls of a bundle share one activity: each reports its own
    details: Any = activity.info().heartbeat_details
    return UnheardCalls(*map(int, details[2])) if len(details) > 2 and details[2] else UnheardCalls()


def note_unheard_call(prompt: int, completion: int, *, timed_out: bool) -> UnheardCalls:
    """Add a call that may have taken these tokens, for later attempts, and return all so far."""
    before = recall_unheard_calls()
    unheard = UnheardCalls(
        before.calls + 1,
        before.prompt_tokens + prompt,
        before.completion_tokens + completion,
        before.timeouts + 1 if timed_out else 0,
    )
    if activity.in_activity() and activity.info().activity_type != GENERATE_SEVERAL:
        send_heartbeat(0, count_rate_waits(), unheard)
    return unheard


def build_unheard_failure(
    message: str,
    model: ModelChoice,
    unheard: UnheardCalls,
    attempt: int,
    *,
    simulated: bool,
    budgeted: bool,
    others_answered: bool,
) -> ApplicationError:
    """Return the failure of a call that ended unheard, with the usage of all such calls as a detail: it is retried,
    unless the time limit is always exceeded, or a budget has to be asked first.

    `others_answered`: other calls of this model were answered in time meanwhile, so that its limit is long enough.
    """
    usage = unheard.to_usage(model, simulated=simulated).model_dump()
    if unheard.timeouts >= MAX_TIMEOUTS and not others_answered:
        words = (
            f"{unheard.timeouts} calls in a row took longer than model.timeout_seconds ({model.timeout_seconds}) "
            "allows, and each may have been paid for: raise model.timeout_seconds and run the request under another "
            "--id"
        )
        return ApplicationError(words, usage, type=TIME_LIMIT_TOO_SHORT, non_retryable=True)
    if budgeted and unheard.calls >= MAX_UNHEARD:
        return ApplicationError(message, usage, type=UNHEARD, non_retryable=True)
    kind = "TimedOut" if unheard.timeouts else "NoAnswer"
    return retryable_failure(message, kind, attempt, usage)
