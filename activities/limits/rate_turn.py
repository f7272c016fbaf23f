"""A call's turn at an endpoint with `rpm` or `tpm`: waited for before the call, settled after it.

An attempt of an activity that ended while it waited here made no call of the model: such attempts are counted in the
heartbeat details and subtracted, so that they do not count as tries.
"""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.heartbeats import send_heartbeat
from activities.limits.rate_queue import RateQueue
from quire.contracts import AWAITS_RATE_LIMIT
from quire.request import ModelChoice


class ActualUsage:
    """The tokens that a call used, set by the caller once they are known."""

    def __init__(self) -> None:
        self.tokens: tuple[int, int] | None = None

    def set(self, prompt: int, completion: int) -> None:
        """Record the tokens in and out."""
        self.tokens = prompt, completion


@asynccontextmanager
async def rate_turn(
    queue: RateQueue | None, model: ModelChoice, prompt: int, expected: int | None
) -> AsyncGenerator[ActualUsage]:
    """Hold a turn for one call; without a queue, because its endpoint has no rate limits, return at once.

    `prompt` is the prompt's length in characters. `expected` is the tokens of the answer: 0 if unknown, None if there
    is no answer, as for embeddings. Raises ApplicationError, to be retried later, if no turn comes soon.
    """
    usage = ActualUsage()
    if queue is None:
        yield usage
        return
    from openai import APIStatusError  # half a second of import that only calls need

    reserved = await _wait_for_turn(queue, model, prompt, expected)
    spent = reserved  # nobody knows what a call cost that is given up
    try:
        yield usage
        if usage.tokens is not None:
            queue.estimator.learn(prompt, expected, took=usage.tokens[0], answered=usage.tokens[1])
            spent = sum(usage.tokens)
    except APIStatusError:
        spent = 0
        raise
    finally:
        queue.report_difference(0, spent - reserved)


async def _wait_for_turn(queue: RateQueue, model: ModelChoice, prompt: int, expected: int | None) -> int:
    scheduled = activity.info().scheduled_time.timestamp() if activity.in_activity() else time.time()
    try:
        return await queue.wait_for_turn((model.rpm, model.tpm), (prompt, expected, model.max_output_tokens), scheduled)
    except ApplicationError as error:
        if error.type == AWAITS_RATE_LIMIT:
            send_heartbeat(0, count_rate_waits() + 1, *_recall_details()[2:3])
        raise


def count_rate_waits() -> int:
    """Return how many attempts of the current activity ended while they waited for a turn."""
    details = _recall_details()
    return int(details[1]) if len(details) > 1 else 0


def keep_rate_waits() -> tuple[int, int]:
    """Return the details of a heartbeat that must not overwrite the count of such attempts."""
    return 0, count_rate_waits()


def _recall_details() -> Sequence[Any]:
    """Return what earlier attempts of the current activity left in their heartbeats."""
    return activity.info().heartbeat_details if activity.in_activity() else ()


def current_attempt() -> int:
    """Return which attempt at calling the model this is, from 1; attempts that only waited for a turn do not count."""
    return max(1, activity.info().attempt - count_rate_waits()) if activity.in_activity() else 1
