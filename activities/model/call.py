"""One call of a model: look for a paid answer, else call; the answer is in the store before anything else happens."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import replace
from typing import Any

from openai import APIConnectionError, APIStatusError, BadRequestError, RateLimitError, UnprocessableEntityError
from temporalio import activity
from temporalio.exceptions import ApplicationError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from activities import reuse
from activities.attempts import attempt as attempt_now
from activities.attempts import waited
from activities.limits.concurrency import turn_for
from activities.limits.rate_turn import turn
from activities.model import http_call
from activities.model.endpoints import Endpoints
from activities.model.http_errors import UnusableAnswer, again, from_status
from activities.model.prompt import asked, filed
from activities.model.request_body import Form, in_form
from activities.store.answers import Answer
from activities.store.object_store import Store, StoreError
from quire.request import ModelChoice
from recipes.base.recipe import Question

BEAT = 5.0
"""Seconds between heartbeats: a dead worker is noticed within the 15 that the workflow allows."""
LONG_ANSWER = 2000
"""Expected output tokens from which `stream: auto` takes an answer piece by piece."""
UNUSABLE = 16
"""Attempts in a row that gave no answer, after which a person is told."""
PUT_AWAY = 1.0
"""Seconds between two writings of a streamed answer that grows."""


async def ask(
    store: Store,
    endpoints: Endpoints,
    model: ModelChoice,
    body: dict[str, Any],
    name: str,
    *,
    expected: int = 0,
    shared: bool = False,
) -> Answer:
    """The stored answer of the call filed under `name`, or a new one.

    `expected` is the output tokens awaited. `shared`: an earlier run's answer serves too. Raises ApplicationError,
    retryable or not, where no answer came.
    """
    key, part = f"responses/{name}.json", f"responses/{name}.part"
    stream = expected >= LONG_ANSWER if model.stream == "auto" else model.stream
    async with _alone(endpoints.alone(store.where(key))):
        if (known := await store.get(key)) is not None:
            return Answer.load(known)
        if stream and (begun := await store.get(part)) is not None:  # a worker died in mid-answer: this is the answer
            return Answer.load(await store.put_once(key, begun))
        if shared and (paid := await reuse.find(store, name)) is not None:
            return Answer.load(await store.put_once(key, replace(paid, reused=True).dump()))
        answer = await _answered(Call(store, endpoints, model, body, part, stream=stream, expected=expected))
        return await _filed(store, key, answer)


@asynccontextmanager
async def _alone(lock: asyncio.Lock) -> AsyncGenerator[None]:
    """Wait for the very same call, should it be in flight: after a reset, the activity that made it goes on beside the
    one that is to make it anew until the server tells it to end."""
    with _heartbeats(BEAT, lambda: 0) if lock.locked() else nullcontext():
        await lock.acquire()
    try:
        yield
    finally:
        lock.release()


async def _filed(store: Store, key: str, answer: Answer) -> Answer:
    """What was paid for is not given up because a disk is full for a moment, or a bucket does not answer."""
    data = answer.dump()
    with suppress(StoreError):
        there = await store.put_once(key, data)
        return answer if there is data else Answer.load(there)
    again = AsyncRetrying(
        retry=retry_if_exception_type(StoreError), wait=wait_fixed(2), stop=stop_after_delay(60), reraise=True
    )
    async for attempt in again:
        with attempt:
            if activity.in_activity():
                activity.heartbeat()
            return Answer.load(await store.put_once(key, data))
    raise AssertionError("tenacity returns or raises")


async def ask_question(
    store: Store, endpoints: Endpoints, model: ModelChoice, question: Question, label: str
) -> Answer:
    """The same for a call that makes no items: planning and judging."""
    body = asked(model, question)
    return await ask(store, endpoints, model, body, filed(endpoints, model, body, label))


class Call:
    """One call: what is sent where, and what is heard of it while it lasts."""

    def __init__(
        self,
        store: Store,
        endpoints: Endpoints,
        model: ModelChoice,
        body: dict[str, Any],
        part: str,
        *,
        stream: bool,
        expected: int = 0,
    ) -> None:
        self.store, self.endpoints, self.model, self.body = store, endpoints, model, body
        self.part, self.stream, self.expected = part, stream, expected
        self.limit = model.timeout_seconds * (1.5 if "max_completion_tokens" in body else 1)
        self.items = 0
        """Complete items so far, for the next heartbeat."""
        self._written = time.monotonic()

    async def made(self) -> Answer:
        """The answer, in the best form of structured output that the endpoint knows."""
        forms = self.endpoints.forms(self.model)
        first: APIStatusError | None = None
        for form in forms:
            try:
                answer = await self._sent(form)
            except (BadRequestError, UnprocessableEntityError) as error:
                if not _about_form(error) or form == forms[-1]:
                    raise first or error from None
                first = first or error
                continue
            self.endpoints.took(self.model, form)
            return answer
        raise AssertionError("there is always a form")

    async def _sent(self, form: Form) -> Answer:
        throttle = self.endpoints.throttle(self.model)
        client, body = self.endpoints.client(self.model), in_form(self.body, form)
        prompt = sum(len(message["content"]) for message in body["messages"])
        mine = turn_for(self.store.workflow_id)
        async with throttle.slot(mine), turn(self.endpoints, self.model, prompt, self.expected) as took:
            async with asyncio.timeout(self.limit):
                sent = http_call.streamed(client, body, self._heard) if self.stream else http_call.whole(client, body)
                answer = await sent
            took.told(answer.usage["prompt_tokens"], answer.usage["completion_tokens"])
            throttle.answered()
            return answer

    async def _heard(self, answer: Answer, items: int) -> None:
        self.items = items
        if time.monotonic() - self._written >= PUT_AWAY:
            self._written = time.monotonic()
            await self.store.put(self.part, answer.dump())


def _about_form(error: APIStatusError) -> bool:
    """Whether the server may have stumbled over the form: it says so, or says nothing that is more precise."""
    return error.param == "response_format" or (error.param is None and error.code is None)


async def _answered(call: Call) -> Answer:
    every = 1.0 if call.stream else BEAT
    with failing(call.endpoints, call.model), _heartbeats(every, lambda: call.items):
        return await call.made()


@contextmanager
def failing(endpoints: Endpoints, model: ModelChoice) -> Generator[None]:
    """Turn what goes wrong in a call into the failure as Temporal is to treat it."""
    attempt = attempt_now()
    try:
        yield
    except APIStatusError as error:
        if isinstance(error, RateLimitError):
            endpoints.throttle(model).limited()
        if isinstance(error, BadRequestError) and error.code == "context_length_exceeded":
            raise ApplicationError(str(error)[:300], type="ContextExceeded", non_retryable=True) from None
        raise from_status(error, model.api_key_env, attempt) from None
    except APIConnectionError as error:
        raise again(f"no answer from {endpoints.address(model)}: {error}", "NoAnswer", attempt) from None
    except TimeoutError:
        raise again("the call took longer than model.timeout_seconds allows", "TimedOut", attempt) from None
    except UnusableAnswer as error:
        if attempt >= UNUSABLE:
            said = f"{endpoints.address(model)}: {error} ({attempt} times in a row)"
            raise ApplicationError(said, type="UnusableEndpoint", non_retryable=True) from None
        raise again(str(error), "UnusableAnswer", attempt) from None


@contextmanager
def _heartbeats(every: float, items: Callable[[], int]) -> Generator[None]:
    loop = asyncio.get_running_loop()

    def beat() -> None:
        nonlocal next_one
        activity.heartbeat(items(), waited())
        next_one = loop.call_later(every, beat)

    next_one = loop.call_later(every, beat)  # a task of its own would be as dear as the client's work
    try:
        yield
    finally:
        next_one.cancel()
