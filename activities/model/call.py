"""One call of a model: return the stored answer, else call, and store the answer before anything else happens."""

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import httpx2
from openai import APIConnectionError, APIStatusError, BadRequestError, RateLimitError, UnprocessableEntityError
from temporalio.exceptions import ApplicationError

from activities.heartbeats import INTERVAL, regular_heartbeats
from activities.known_secrets import redact_text
from activities.limits.concurrency import owner_of_call
from activities.limits.rate_turn import count_rate_waits, current_attempt, rate_turn
from activities.model.endpoints import Endpoints
from activities.model.http_call import fetch_answer, stream_answer
from activities.model.http_errors import UnusableAnswer, retryable_failure, status_failure
from activities.model.prompt import call_digest, question_body
from activities.model.request_body import in_mode
from activities.model.unheard_calls import (
    MAX_TIMEOUTS,
    UnheardCalls,
    build_unheard_failure,
    note_unheard_call,
    recall_unheard_calls,
)
from activities.model.unsaved_answers import find_unsaved_answer, store_answer
from activities.store.answers import Answer, answer_key, find_shared_answer, partial_answer_key
from activities.store.object_store import Store
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
    budgeted: bool = False,
) -> Answer:
    """Return the stored answer of the call `name`, or call the model and store its answer.

    `name` is the call's digest. `expected` is the output tokens to expect. `shared`: another run's answer to the same
    call serves too. `budgeted`: the run has a budget, which must hear of calls that ended without an answer. Raises
    ApplicationError, retryable or not, if there is no answer.
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
        if (unsaved := find_unsaved_answer(store, key)) is not None:
            return await store_answer(store, key, unsaved)
        call = Call(store, endpoints, model, body, partial_key, stream=stream, expected=expected, budgeted=budgeted)
        interval = STREAM_INTERVAL if stream else INTERVAL
        with as_temporal_failures(endpoints, model, call), regular_heartbeats(interval, call.heartbeat_details):
            answer = await call.send()
        return await store_answer(store, key, answer)


@asynccontextmanager
async def _single_flight(lock: asyncio.Lock) -> AsyncGenerator[None]:
    """Wait until the same call is no longer in flight in this worker. After a reset, the activity that sent it runs on
    beside its replacement until the server tells it to end."""
    waiting = (
        regular_heartbeats(details=lambda: (0, count_rate_waits(), recall_unheard_calls()))
        if lock.locked()
        else nullcontext()
    )
    with waiting:
        await lock.acquire()
    try:
        yield
    finally:
        lock.release()


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
        budgeted: bool = False,
    ) -> None:
        self.store, self.endpoints, self.model, self.body = store, endpoints, model, body
        self.partial_key, self.stream, self.expected = partial_key, stream, expected
        self.timeout = model.timeout_seconds * (1.5 if "max_completion_tokens" in body else 1)
        self.budgeted = budgeted
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

    def heartbeat_details(self) -> tuple[int, int, UnheardCalls]:
        """Return the complete items so far, the attempts that only waited for a rate limit, and the calls of earlier
        attempts that ended unheard."""
        return self.items, count_rate_waits(), recall_unheard_calls()

    def build_unheard_failure(self, message: str, attempt: int, *, timed_out: bool) -> ApplicationError:
        """Return the failure of this call, which was sent and ended without an answer."""
        prompt = sum(len(message["content"]) for message in self.body["messages"]) // 4
        unheard = note_unheard_call(prompt, self.expected or self.model.max_output_tokens, timed_out=timed_out)
        simulated = self.endpoints.is_simulated(self.model)
        return build_unheard_failure(
            message,
            self.model,
            unheard,
            attempt,
            simulated=simulated,
            budgeted=self.budgeted,
            others_answered=self.endpoints.throttle(self.model).has_succeeded_within(MAX_TIMEOUTS * self.timeout),
        )


def _may_refuse_mode(error: APIStatusError) -> bool:
    """Return whether an error may mean the mode: it names `response_format`, or neither a parameter nor a code."""
    return error.param == "response_format" or (error.param is None and error.code is None)


@contextmanager
def as_temporal_failures(endpoints: Endpoints, model: ModelChoice, call: Call | None = None) -> Generator[None]:
    """Raise what goes wrong in a call as the ApplicationError by which Temporal retries, sleeps or stops.

    With the `call`, one that ended without an answer after it was sent is counted as possibly paid.
    """
    attempt = current_attempt()
    try:
        yield
    except APIStatusError as error:
        if isinstance(error, RateLimitError):
            endpoints.throttle(model).on_rate_limited()
        if isinstance(error, BadRequestError) and error.code == "context_length_exceeded":
            raise ApplicationError(redact_text(str(error))[:300], type="ContextExceeded", non_retryable=True) from None
        raise status_failure(error, model.api_key_env, attempt) from None
    except APIConnectionError as error:
        message = f"no answer from {endpoints.address(model)}: {_cause_of(error)}"
        if call is not None and _was_sent(error):
            raise call.build_unheard_failure(message, attempt, timed_out=False) from None
        raise retryable_failure(message, "NoAnswer", attempt) from None
    except TimeoutError:
        message = "the call took longer than model.timeout_seconds allows"
        if call is not None:
            raise call.build_unheard_failure(message, attempt, timed_out=True) from None
        raise retryable_failure(message, "TimedOut", attempt) from None
    except UnusableAnswer as error:
        if attempt >= MAX_UNUSABLE_ATTEMPTS:
            message = f"{endpoints.address(model)}: {error} ({attempt} times in a row)"
            raise ApplicationError(message, type="UnusableEndpoint", non_retryable=True) from None
        raise retryable_failure(str(error), "UnusableAnswer", attempt) from None


def _was_sent(error: APIConnectionError) -> bool:
    """Return False if the connection failed before anything was sent, so that nothing can have been charged."""
    return not isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)


def _cause_of(error: APIConnectionError) -> str:
    """Return why the connection failed; the client itself calls every lost connection a timeout."""
    return str(error.__cause__ or "") or str(error)
