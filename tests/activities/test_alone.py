"""The very same call is made once at a time: after a reset, the activity that made it goes on for a while."""

import asyncio
from contextlib import suppress

import pytest
from temporalio.exceptions import ApplicationError

from activities.model.call import ask
from activities.model.endpoints import Endpoints
from activities.model.request_body import body_of
from activities.store.answers import Answer
from activities.store.object_store import Store
from quire.request import ModelChoice
from simulator.options import Options
from tests.activities.test_turn import ENTRY


class Asking:
    """One call, asked for as often as one likes."""

    def __init__(self, folder: str, *, stream: bool = False) -> None:
        self.endpoints, self.model = Endpoints(), ModelChoice(name="gpt-4o", stream=stream)
        self.store = Store(folder, "w")
        self.body = body_of(self.model, [{"role": "user", "content": "x"}], ENTRY, 2, strictly=True)

    def begun(self, name: str = "one") -> asyncio.Task[Answer]:
        return asyncio.create_task(ask(self.store, self.endpoints, self.model, self.body, name))


@pytest.mark.parametrize("stream", [False, True])
async def test_two_that_want_the_same_answer_pay_for_it_once(simulator, tmp_path, stream):
    simulator.simulator.options = Options(latency=0.3, tokens_per_second=200)
    asking = Asking(str(tmp_path), stream=stream)
    answers = [asking.begun() for _ in range(5)] + [asking.begun("two")]
    first, *others, second = await asyncio.gather(*answers)
    assert all(other.text == first.text and other.usage == first.usage for other in others)
    assert simulator.stats()["answered"] == 2 and second.finish_reason == "stop"
    await asking.endpoints.close()


async def test_the_next_one_asks_where_the_first_was_told_to_end(simulator, tmp_path):
    simulator.simulator.options = Options(latency=5)
    asking = Asking(str(tmp_path))
    first, second = asking.begun(), asking.begun()
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


async def test_the_next_one_asks_where_the_first_got_none(simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.1, rate_limit=1.0)
    asking = Asking(str(tmp_path))
    first, second = asking.begun(), asking.begun()
    for task in (first, second):
        with pytest.raises(ApplicationError):
            await task
    assert simulator.stats()["calls"] == 2
    await asking.endpoints.close()
