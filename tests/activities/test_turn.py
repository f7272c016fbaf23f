"""Every kind of call waits for its turn, and what it took is settled."""

import time

import pytest

from activities.duplicates.embeddings import Vectors
from activities.model.call import ask, ask_question
from activities.model.endpoints import Endpoints
from activities.model.request_body import body_of
from activities.store.answers import Answer
from activities.store.object_store import Store
from quire.rate_limits import Ask, Lease
from quire.request import ModelChoice, Request
from recipes.base.recipe import Question
from simulator.options import Options

ENTRY = {
    "type": "object",
    "additionalProperties": False,
    "required": ["text"],
    "properties": {"text": {"type": "string"}},
}


class Desk:
    """Gives what is asked for, and remembers it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Ask]] = []
        self.endpoints = Endpoints(leasing=self.lease)

    async def lease(self, keeper: str, ask: Ask, _: str) -> Lease:
        self.asked.append((keeper, ask))
        return Lease(calls=ask.calls, tokens=ask.tokens, seconds=1)

    @property
    def calls(self) -> int:
        return sum(ask.calls + ask.more_calls for _, ask in self.asked)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_waits_for_its_turn(simulator, tmp_path, stream):
    desk, model = Desk(), ModelChoice(name="gpt-4o", rpm=60, tpm=10_000, stream=stream, max_output_tokens=500)
    body = body_of(model, [{"role": "user", "content": "x" * 400}], ENTRY, 2, strictly=True)
    answer = await ask(Store(str(tmp_path), "w"), desk.endpoints, model, body, "one", expected=100)
    assert isinstance(answer, Answer) and len(desk.asked) == 1
    keeper, said = desk.asked[0]
    assert keeper.startswith("quire-rate-127-0-0-1-") and (said.calls, said.tokens) == (1, 600)
    await ask(Store(str(tmp_path), "w"), desk.endpoints, model, body, "one", expected=100)
    assert len(desk.asked) == 1, "an answer that is there is no call"
    await ask(Store(str(tmp_path), "w"), desk.endpoints, model, body, "two", expected=100)
    took = sum(answer.usage[key] for key in ("prompt_tokens", "completion_tokens"))
    assert desk.asked[1][1].more_tokens <= took - 600, "what was set aside in vain goes back"
    await desk.endpoints.close()


async def test_planning_and_judging_wait_for_their_turn(simulator, tmp_path):
    desk, model = Desk(), ModelChoice(name="gpt-4o", rpm=60)
    question = Question(system="Plan.", task="Things.", entry=ENTRY, count=2)
    await ask_question(Store(str(tmp_path), "w"), desk.endpoints, model, question, "prepare x")
    assert desk.calls == 1
    await desk.endpoints.close()


async def test_vectors_wait_for_their_turn(simulator, tmp_path):
    desk = Desk()
    said = {"recipe": "custom", "duplicates": {"method": "semantic", "embedding": {"name": "e", "rpm": 60, "tpm": 900}}}
    vectors = Vectors(Store(str(tmp_path), "w"), desk.endpoints, Request.model_validate(said))
    assert len(await vectors.of(["one thing", "another thing"])) == 2
    assert desk.calls == 1 and desk.asked[0][1].tpm == 900
    await desk.endpoints.close()


async def test_a_refused_call_counts_as_a_call_and_takes_no_tokens(simulator, tmp_path):
    simulator.simulator.options = Options(rate_limit=1.0)
    desk, model = Desk(), ModelChoice(name="gpt-4o", rpm=600, tpm=10_000, max_output_tokens=500)
    body = body_of(model, [{"role": "user", "content": "x" * 400}], ENTRY, 2, strictly=True)
    for name in ("one", "two"):
        with pytest.raises(Exception, match="429"):
            await ask(Store(str(tmp_path), "w"), desk.endpoints, model, body, name, expected=100)
    assert desk.asked[1][1].more_tokens == -600 and desk.asked[1][1].more_calls == 0
    await desk.endpoints.close()


async def test_without_rates_nothing_is_asked(simulator, tmp_path):
    desk, model = Desk(), ModelChoice(name="gpt-4o")
    body = body_of(model, [{"role": "user", "content": "x"}], ENTRY, 2, strictly=True)
    began = time.monotonic()
    await ask(Store(str(tmp_path), "w"), desk.endpoints, model, body, "one")
    assert not desk.asked and time.monotonic() - began < 5
