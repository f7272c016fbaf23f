"""One worker never makes the same call twice at once: after a reset, the activity that made it runs on for a while."""

import asyncio
from contextlib import suppress

import pytest
from temporalio.exceptions import ApplicationError

from activities.model.call import get_or_create_answer
from activities.model.endpoints import Endpoints
from activities.model.request_body import build_body
from activities.store.answers import Answer
from activities.store.object_store import Store
from quire.request import ModelChoice
from simulator.options import Options
from tests.support.requests import TEXT_ENTRY


class RepeatedCall:
    """One call that can be made any number of times."""

    def __init__(self, folder: str, *, stream: bool = False) -> None:
        self.endpoints, self.model = Endpoints(), ModelChoice(name="gpt-4o", stream=stream)
        self.store = Store(folder, "w")
        self.body = build_body(self.model, [{"role": "user", "content": "x"}], TEXT_ENTRY, 2, strictly=True)

    def start(self, name: str = "one") -> asyncio.Task[Answer]:
        return asyncio.create_task(get_or_create_answer(self.store, self.endpoints, self.model, self.body, name))


@pytest.mark.parametrize("stream", [False, True])
async def test_concurrent_callers_of_the_same_call_share_one_answer(simulator, tmp_path, stream):
    simulator.simulator.options = Options(latency=0.3, tokens_per_second=200)
    asking = RepeatedCall(str(tmp_path), stream=stream)
    answers = [asking.start() for _ in range(5)] + [asking.start("two")]
    first, *others, second = await asyncio.gather(*answers)
    assert all(other.text == first.text and other.usage == first.usage for other in others)
    assert simulator.stats()["answered"] == 2 and second.finish_reason == "stop"
    await asking.endpoints.close()


async def test_second_caller_makes_the_call_when_the_first_is_cancelled(simulator, tmp_path):
    simulator.simulator.options = Options(latency=5)
    asking = RepeatedCall(str(tmp_path))
    first, second = asking.start(), asking.start()
    async with asyncio.timeout(30):
        while simulator.stats()["in_flight"] != 1:
            await asyncio.sleep(0.01)
    assert not second.done()
    simulator.simulator.options = Options()
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    assert (await second).finish_reason == "stop"
    await asking.endpoints.close()


async def test_second_caller_retries_when_the_first_call_failed(simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.1, rate_limit=1.0)
    asking = RepeatedCall(str(tmp_path))
    first, second = asking.start(), asking.start()
    for task in (first, second):
        with pytest.raises(ApplicationError):
            await task
    assert simulator.stats()["calls"] == 2
    await asking.endpoints.close()
