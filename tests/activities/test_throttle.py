"""Calls in flight fall when an endpoint says 429, and recover call by call."""

import asyncio

from activities.throttle import MOST, PAUSE, STEP, Throttle


def refused(throttle: Throttle, now: list[float], count: int) -> float:
    """So many 429s at once, told a second later; what is left of the width."""
    for _ in range(count):
        throttle.limited()
    now[0] += 2 * PAUSE
    throttle.limited()
    return throttle.limit


async def test_the_width_falls_by_half_the_share_that_is_refused():
    now = [0.0]
    few, many = Throttle(clock=lambda: now[0]), Throttle(clock=lambda: now[0])
    few.in_flight = many.in_flight = 20
    assert refused(few, now, 2) > 18, "strays"
    assert refused(many, now, 200) < 11, "an overload"


async def test_good_answers_bring_the_width_back():
    now = [0.0]
    throttle = Throttle(clock=lambda: now[0])
    throttle.in_flight = 20
    before = refused(throttle, now, 200)
    for _ in range(10):
        throttle.answered()
    assert throttle.limit == before + 10 * STEP
    for _ in range(10_000):
        throttle.answered()
    assert throttle.limit == MOST


async def test_it_never_falls_below_one_and_lets_waiting_calls_through_one_by_one():
    now = [0.0]
    throttle = Throttle(clock=lambda: now[0])
    throttle.in_flight = 1
    for _ in range(50):
        refused(throttle, now, 10)
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
