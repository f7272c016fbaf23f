"""One call of a model: return the stored answer, else call, and store the answer before anything else happens."""

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import replace
from typing import Any

from openai import APIConnectionError, APIStatusError, BadRequestError, RateLimitError, UnprocessableEntityError
from temporalio.exceptions import ApplicationError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from activities.heartbeats import INTERVAL, regular_heartbeats, send_heartbeat
from activities.limits.concurrency import owner_of_call
from activities.limits.rate_turn import count_rate_waits, current_attempt, rate_turn
from activities.model.endpoints import Endpoints
from activities.model.http_call import fetch_answer, stream_answer
from activities.model.http_errors import UnusableAnswer, retryable_failure, status_failure
from activities.model.prompt import call_digest, question_body
from activities.model.request_body import in_mode
from activities.store.answers import Answer, answer_key, find_shared_answer, partial_answer_key
from activities.store.object_store import Store, StoreError
from quire.request import ModelChoice
from recipes.base.recipe import Question

LONG_ANSWER = 2000
"""Expected output tokens from which `stream: auto` streams the answer."""
MAX_UNUSABLE_ATTEMPTS = 16
"""Consecutive attempts with an unusable answer after which the run pauses for a person."""
SAVE_INTERVAL = 1.0
"""Seconds between two writes of a streamed answer that is still growing."""
STREAM_INTERVAL = 1.0
"""Seconds between the heartbeats of a streamed call, which report its complete items."""


async def get_or_create_answer(
    store: Store,
    endpoints: Endpoints,
    model: ModelChoice,
    body: dict[str, Any],
    name: str,
    *,
    expected: int = 0,
    shared: bool = False,
) -> Answer:
    """Return the stored answer of the call `name`, or call the model and store its answer.

    `name` is the call's digest. `expected` is the output tokens to expect. `shared`: another run's answer to the same
    call serves too. Raises ApplicationError, retryable or not, if there is no answer.
    """
    key, partial_key = answer_key(name), partial_answer_key(name)
    stream = expected >= LONG_ANSWER if model.stream == "auto" else model.stream
    async with _single_flight(endpoints.call_lock(store.address_of(key))):
        if (stored := await store.get(key)) is not None:
            return Answer.decode(stored)
        if stream and (partial := await store.get(partial_key)) is not None:  # its worker died: this is the answer
            return Answer.decode(await store.put_once(key, partial))
        if shared and (paid := await find_shared_answer(store, name)) is not None:
            return Answer.decode(await store.put_once(key, replace(paid, reused=True).encode()))
        call = Call(store, endpoints, model, body, partial_key, stream=stream, expected=expected)
        interval = STREAM_INTERVAL if stream else INTERVAL
        with as_temporal_failures(endpoints, model), regular_heartbeats(interval, call.heartbeat_details):
            answer = await call.send()
        return await _store_answer(store, key, answer)


@asynccontextmanager
async def _single_flight(lock: asyncio.Lock) -> AsyncGenerator[None]:
    """Wait until the same call is no longer in flight in this worker. After a reset, the activity that sent it runs on
    beside its replacement until the server tells it to end."""
    waiting = regular_heartbeats(details=lambda: (0, count_rate_waits())) if lock.locked() else nullcontext()
    with waiting:
        await lock.acquire()
    try:
        yield
    finally:
        lock.release()


async def _store_answer(store: Store, key: str, answer: Answer) -> Answer:
    """Store a paid answer and return the one that the store holds, which may be an earlier one.

    Retries for a minute, so that an answer is not lost to a disk that is full for a moment or a slow bucket.
    """
    data = answer.encode()
    with suppress(StoreError):
        stored = await store.put_once(key, data)
        return answer if stored is data else Answer.decode(stored)
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(StoreError), wait=wait_fixed(2), stop=stop_after_delay(60), reraise=True
    )
    async for attempt in retrying:
        with attempt:
            send_heartbeat(0, count_rate_waits())
            return Answer.decode(await store.put_once(key, data))
    raise AssertionError("tenacity returns or raises")


async def answer_question(
    store: Store, endpoints: Endpoints, model: ModelChoice, question: Question, label: str
) -> Answer:
    """Return the stored or new answer of a call that makes no items: planning and reviewing."""
    body = question_body(model, question)
    return await get_or_create_answer(store, endpoints, model, body, call_digest(endpoints, model, body, label))


class Call:
    """One call to an endpoint, and its progress while it lasts."""

    def __init__(
        self,
        store: Store,
        endpoints: Endpoints,
        model: ModelChoice,
        body: dict[str, Any],
        partial_key: str,
        *,
        stream: bool,
        expected: int = 0,
    ) -> None:
        self.store, self.endpoints, self.model, self.body = store, endpoints, model, body
        self.partial_key, self.stream, self.expected = partial_key, stream, expected
        self.timeout = model.timeout_seconds * (1.5 if "max_completion_tokens" in body else 1)
        self.items = 0
        """Complete items so far."""
        self._saved_at = time.monotonic()

    async def send(self) -> Answer:
        """Send the call and return its answer, in the best mode of structured output that the endpoint accepts."""
        client, throttle = self.endpoints.client(self.model), self.endpoints.throttle(self.model)
        modes = self.endpoints.modes_to_try(self.model)
        first_refusal: APIStatusError | None = None
        for mode in modes:
            body = in_mode(self.body, mode)
            prompt = sum(len(message["content"]) for message in body["messages"])
            try:
                async with (
                    throttle.call_slot(owner_of_call(self.store.workflow_id)),
                    rate_turn(self.endpoints.rate_queue(self.model), self.model, prompt, self.expected) as usage,
                    asyncio.timeout(self.timeout),
                ):
                    request = stream_answer(client, body, self.on_chunk) if self.stream else fetch_answer(client, body)
                    answer = await request
                    usage.set(answer.usage["prompt_tokens"], answer.usage["completion_tokens"])
                    throttle.on_success()
            except (BadRequestError, UnprocessableEntityError) as error:
                if not _may_refuse_mode(error) or mode == modes[-1]:
                    raise first_refusal or error from None
                first_refusal = first_refusal or error
                continue
            self.endpoints.remember_mode(self.model, mode)
            return answer
        raise AssertionError("there is always a mode")

    async def on_chunk(self, answer: Answer, items: int) -> None:
        """Take note of a streamed answer so far, with its complete items; store it about once a second."""
        self.items = items
        if time.monotonic() - self._saved_at >= SAVE_INTERVAL:
            self._saved_at = time.monotonic()
            await self.store.put(self.partial_key, answer.encode())

    def heartbeat_details(self) -> tuple[int, int]:
        """Return the complete items so far and the attempts that only waited for a rate limit."""
        return self.items, count_rate_waits()


def _may_refuse_mode(error: APIStatusError) -> bool:
    """Return whether an error may mean the mode: it names `response_format`, or neither a parameter nor a code."""
    return error.param == "response_format" or (error.param is None and error.code is None)


@contextmanager
def as_temporal_failures(endpoints: Endpoints, model: ModelChoice) -> Generator[None]:
    """Raise what goes wrong in a call as the ApplicationError by which Temporal retries, sleeps or stops."""
    attempt = current_attempt()
    try:
        yield
    except APIStatusError as error:
        if isinstance(error, RateLimitError):
            endpoints.throttle(model).on_rate_limited()
        if isinstance(error, BadRequestError) and error.code == "context_length_exceeded":
            raise ApplicationError(str(error)[:300], type="ContextExceeded", non_retryable=True) from None
        raise status_failure(error, model.api_key_env, attempt) from None
    except APIConnectionError as error:
        message = f"no answer from {endpoints.address(model)}: {_cause_of(error)}"
        raise retryable_failure(message, "NoAnswer", attempt) from None
    except TimeoutError:
        message = "the call took longer than model.timeout_seconds allows"
        raise retryable_failure(message, "TimedOut", attempt) from None
    except UnusableAnswer as error:
        if attempt >= MAX_UNUSABLE_ATTEMPTS:
            message = f"{endpoints.address(model)}: {error} ({attempt} times in a row)"
            raise ApplicationError(message, type="UnusableEndpoint", non_retryable=True) from None
        raise retryable_failure(str(error), "UnusableAnswer", attempt) from None


def _cause_of(error: APIConnectionError) -> str:
    """Return why the connection failed; the client itself calls every lost connection a timeout."""
    return str(error.__cause__ or "") or str(error)
