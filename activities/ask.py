"""One call of a model: look for a paid answer, else call; the answer is in the store before anything else happens."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from openai import APIConnectionError, APIStatusError, BadRequestError
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.endpoint import Answer, Endpoints, body_of, call
from activities.failures import UnusableAnswer, from_status, setup_error
from activities.store import Store, digest
from quire.request import ModelChoice
from recipes.spine import Question, strict

BEAT = 5.0
"""Seconds between heartbeats: a dead worker is noticed within the 15 that the workflow allows."""


async def ask(store: Store, endpoints: Endpoints, model: ModelChoice, body: dict[str, Any], label: str) -> Answer:
    """The stored answer of this very call, or a new one.

    `label`, such as the batch's name, is part of the key: a batch that is sent again in the same words wants a new
    answer. Raises ApplicationError, retryable or not, where no answer came.
    """
    filed = json.dumps([endpoints.identity(model), label, body], sort_keys=True, ensure_ascii=False)
    key = f"responses/{digest(filed.encode())}.json"
    if (known := await store.get(key)) is not None:
        return Answer.load(known)
    try:
        async with _heartbeats(), asyncio.timeout(_limit(body, model)):
            answer = await call(endpoints.client(model), body)
    except APIStatusError as error:
        if isinstance(error, BadRequestError) and error.code == "context_length_exceeded":
            raise ApplicationError(str(error)[:300], type="ContextExceeded", non_retryable=True) from None
        raise from_status(error, model.api_key_env) from None
    except APIConnectionError as error:
        raise ApplicationError(f"no answer from {endpoints.address(model)}: {error}", type="NoAnswer") from None
    except TimeoutError:
        raise ApplicationError("the call took longer than model.timeout_seconds allows", type="TimedOut") from None
    except UnusableAnswer as error:
        raise ApplicationError(str(error), type="UnusableAnswer") from None
    try:
        return Answer.load(await store.put_once(key, answer.dump()))
    except OSError as error:
        raise setup_error(f"the answer cannot be written to {store.where(key)}: {error}") from error


async def ask_question(
    store: Store, endpoints: Endpoints, model: ModelChoice, question: Question, label: str
) -> Answer:
    """The same for a call that makes no items: planning and judging."""
    messages = [{"role": "system", "content": question.system}, {"role": "user", "content": question.task}]
    body = body_of(model, messages, question.entry, question.count, strictly=strict(question.entry))
    return await ask(store, endpoints, model, body, label)


def _limit(body: dict[str, Any], model: ModelChoice) -> float:
    return model.timeout_seconds * (1.5 if "max_completion_tokens" in body else 1)


@asynccontextmanager
async def _heartbeats() -> AsyncGenerator[None]:
    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(BEAT)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
