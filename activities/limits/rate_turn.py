"""A call's turn at an endpoint with `rpm` or `tpm`: waited for before the call, settled after it."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from openai import APIStatusError
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.attempts import waited
from activities.model.endpoints import Endpoints
from quire.contracts import TURN
from quire.request import ModelChoice


class Took:
    """What a call that has its turn took, when it is known."""

    def __init__(self) -> None:
        self.usage: tuple[int, int] | None = None

    def told(self, prompt: int, answer: int) -> None:
        """Tokens in and out."""
        self.usage = prompt, answer


@asynccontextmanager
async def turn(endpoints: Endpoints, model: ModelChoice, prompt: int, expected: int | None) -> AsyncGenerator[Took]:
    """Hold the turn of a call with so many characters of prompt, where its endpoint and model have limits.

    `expected` tokens of answer: 0 where that is not known, None where there is none. Raises ApplicationError, to be
    retried later, where the turn does not come soon.
    """
    took, pace = Took(), endpoints.pace(model)
    if pace is None:
        yield took
        return
    inside = activity.in_activity()
    since = activity.info().scheduled_time.timestamp() if inside else time.time()
    try:
        tokens = await pace.turn((model.rpm, model.tpm), (prompt, expected, model.max_output_tokens), since)
    except ApplicationError as error:
        if inside and error.type == TURN:
            activity.heartbeat(0, waited() + 1)
        raise
    spent = tokens  # of a call that is given up nobody knows what it cost
    try:
        yield took
        if took.usage is not None:
            pace.guess.learn(prompt, expected, took=took.usage[0], answered=took.usage[1])
            spent = sum(took.usage)
    except APIStatusError:
        spent = 0
        raise
    finally:
        pace.settle(0, spent - tokens)
