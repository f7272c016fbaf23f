"""Calls in flight fall when an endpoint says 429, and recover call by call."""

import asyncio

from activities.throttle import FALL, MOST, STEP, Throttle


async def test_a_burst_of_429s_counts_once_and_good_answers_bring_the_width_back():
    now = [0.0]
    throttle = Throttle(clock=lambda: now[0])
    throttle.in_flight = 20
    throttle.limited()
    throttle.limited()
    assert throttle.limit == 20 * FALL
    now[0] = 2.0
    throttle.limited()
    assert throttle.limit == 20 * FALL * FALL
    before = throttle.limit
    for _ in range(10):
        throttle.answered()
    assert throttle.limit == before + 10 * STEP
    for _ in range(10_000):
        throttle.answered()
    assert throttle.limit == MOST


async def test_it_never_falls_below_one_and_lets_waiting_calls_through_one_by_one():
    now = [0.0]
    throttle = Throttle(clock=lambda: now[0])
    for step in range(50):
        now[0] = 2.0 * step
        throttle.in_flight = 1
        throttle.limited()
    throttle.in_flight = 0
    assert throttle.limit == 1
    most, flying = 0, 0

    async def call() -> None:
        nonlocal most, flying
        async with throttle.slot():
            flying += 1
            most = max(most, flying)
            await asyncio.sleep(0.001)
            flying -= 1

    await asyncio.gather(*(call() for _ in range(20)))
    assert most == 1 and throttle.in_flight == 0


async def test_a_call_that_is_cancelled_while_it_waits_gives_its_turn_on():
    throttle = Throttle()
    throttle.limit = 1
    entered = asyncio.Event()

    async def holds(seconds: float) -> str:
        async with throttle.slot():
            entered.set()
            await asyncio.sleep(seconds)
        return "done"

    first = asyncio.create_task(holds(0.05))
    await entered.wait()
    second, third = asyncio.create_task(holds(0)), asyncio.create_task(holds(0))
    await asyncio.sleep(0.01)
    second.cancel()
    assert await asyncio.wait_for(asyncio.gather(first, third), 2) == ["done", "done"]
