"""One call of the model: look for a paid answer, else call; keep what is good; say what is open."""

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
from activities.judge import Judged, judge
from activities.planfile import Plans
from activities.price import usage_of
from activities.store import Store, digest
from quire.contracts import GenerateInput
from quire.outcome import Outcome
from quire.request import ModelChoice
from quire.slots import Batch

BEAT = 5.0
"""Seconds between heartbeats: a dead worker is noticed within the 15 that the workflow allows."""


async def generate(given: GenerateInput, endpoints: Endpoints, plans: Plans) -> Outcome:
    """Fill one batch. Raises ApplicationError, retryable or not, where no answer came."""
    plan = await plans.read(given.job)
    store = Store(given.job.store, given.job.workflow_id)
    batch, model = given.batch, plan.request.model
    slots = [plan.slots[number - 1] for number in batch.slots]
    task = plan.recipe.task(slots) + _advice(batch)
    body = body_of(model, plan.recipe.system(), task, plan.recipe.item_schema(slots), len(slots))
    answer = await _answer(store, endpoints, model, body, batch)
    judged = judge(answer, slots, plan.recipe)
    await store.put(f"batches/{batch.name}.jsonl", _lines(judged, answer, batch))
    filled = sorted(judged.good)
    return Outcome(
        batch=batch.name,
        filled=filled,
        open=judged.open,
        usage=usage_of(answer.model, answer.usage, simulated=answer.simulated),
        tokens_per_item=answer.usage["completion_tokens"] // len(filled) if filled else None,
        simulated=answer.simulated,
    )


def _advice(batch: Batch) -> str:
    if not batch.hints:
        return ""
    return "\nAn earlier answer was rejected. Mend this:\n" + "\n".join(f"- {hint}" for hint in batch.hints)


async def _answer(store: Store, endpoints: Endpoints, model: ModelChoice, body: dict[str, Any], batch: Batch) -> Answer:
    """The stored answer of this very call, or a new one, stored before anything else happens.

    The batch's name is part of the key: a batch that is sent again in the same words wants a new answer.
    """
    filed = json.dumps([endpoints.identity(model), batch.name, body], sort_keys=True, ensure_ascii=False)
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


def _lines(judged: Judged, answer: Answer, batch: Batch) -> bytes:
    source = {
        "source": "model",
        "model": answer.model,
        "batch": batch.name,
        "attempt": batch.tries,
        "simulated": answer.simulated,
    }
    rows = [
        json.dumps({"slot": number, "item": item, "provenance": source}, ensure_ascii=False)
        for number, item in sorted(judged.good.items())
    ]
    return "".join(row + "\n" for row in rows).encode()
