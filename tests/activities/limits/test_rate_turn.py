"""Every kind of call waits for a rate slot and reports the tokens it really used."""

import time

import pytest

from activities.duplicates.embeddings import Embedder
from activities.model.call import answer_question, get_or_create_answer
from activities.model.endpoints import Endpoints
from activities.model.request_body import build_body
from activities.store.answers import Answer
from activities.store.object_store import Store
from quire.rate_limits import Lease, LeaseRequest
from quire.request import ModelChoice, Request
from recipes.base.recipe import Question
from simulator.options import Options
from tests.support.requests import TEXT_ENTRY


class RecordingKeeper:
    """A rate keeper that grants every request and records it."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, LeaseRequest]] = []
        self.endpoints = Endpoints(lease_rates=self.lease)

    async def lease(self, keeper: str, ask: LeaseRequest, _: str) -> Lease:
        self.requests.append((keeper, ask))
        return Lease(calls=ask.calls, tokens=ask.tokens, seconds=1)

    @property
    def call_count(self) -> int:
        return sum(ask.calls + ask.more_calls for _, ask in self.requests)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_waits_for_its_rate_slot_and_settles_the_tokens_used(simulator, tmp_path, stream):
    desk, model = (
        RecordingKeeper(),
        ModelChoice(name="gpt-4o", rpm=60, tpm=10_000, stream=stream, max_output_tokens=500),
    )
    body = build_body(model, [{"role": "user", "content": "x" * 400}], TEXT_ENTRY, 2, strictly=True)
    answer = await get_or_create_answer(Store(str(tmp_path), "w"), desk.endpoints, model, body, "one", expected=100)
    assert isinstance(answer, Answer) and len(desk.requests) == 1
    keeper, request = desk.requests[0]
    assert keeper.startswith("quire-rate-127-0-0-1-") and (request.calls, request.tokens) == (1, 600)
    await get_or_create_answer(Store(str(tmp_path), "w"), desk.endpoints, model, body, "one", expected=100)
    assert len(desk.requests) == 1, "an answer that is there is no call"
    await get_or_create_answer(Store(str(tmp_path), "w"), desk.endpoints, model, body, "two", expected=100)
    took = sum(answer.usage[key] for key in ("prompt_tokens", "completion_tokens"))
    assert desk.requests[1][1].more_tokens <= took - 600, "what was set aside in vain goes back"
    await desk.endpoints.close()


async def test_planning_and_review_calls_wait_for_a_rate_slot(simulator, tmp_path):
    desk, model = RecordingKeeper(), ModelChoice(name="gpt-4o", rpm=60)
    question = Question(system="Plan.", task="Things.", entry=TEXT_ENTRY, count=2)
    await answer_question(Store(str(tmp_path), "w"), desk.endpoints, model, question, "prepare x")
    assert desk.call_count == 1
    await desk.endpoints.close()


async def test_embedding_calls_wait_for_a_rate_slot(simulator, tmp_path):
    desk = RecordingKeeper()
    fields = {
        "recipe": "custom",
        "duplicates": {"method": "semantic", "embedding": {"name": "e", "rpm": 60, "tpm": 900}},
    }
    vectors = Embedder(Store(str(tmp_path), "w"), desk.endpoints, Request.model_validate(fields))
    assert len(await vectors.embed(["one thing", "another thing"])) == 2
    assert desk.call_count == 1 and desk.requests[0][1].tpm == 900
    await desk.endpoints.close()


async def test_a_refused_call_counts_as_a_call_and_takes_no_tokens(simulator, tmp_path):
    simulator.simulator.options = Options(rate_limit=1.0)
    desk, model = RecordingKeeper(), ModelChoice(name="gpt-4o", rpm=600, tpm=10_000, max_output_tokens=500)
    body = build_body(model, [{"role": "user", "content": "x" * 400}], TEXT_ENTRY, 2, strictly=True)
    for name in ("one", "two"):
        with pytest.raises(Exception, match="429"):
            await get_or_create_answer(Store(str(tmp_path), "w"), desk.endpoints, model, body, name, expected=100)
    assert desk.requests[1][1].more_tokens == -600 and desk.requests[1][1].more_calls == 0
    await desk.endpoints.close()


async def test_a_model_without_rates_asks_for_no_lease(simulator, tmp_path):
    desk, model = RecordingKeeper(), ModelChoice(name="gpt-4o")
    body = build_body(model, [{"role": "user", "content": "x"}], TEXT_ENTRY, 2, strictly=True)
    started = time.monotonic()
    await get_or_create_answer(Store(str(tmp_path), "w"), desk.endpoints, model, body, "one")
    assert not desk.requests and time.monotonic() - started < 5
