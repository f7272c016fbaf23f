"""Calls in flight fall when an endpoint says 429, and recover call by call; runs that wait take turns."""

import asyncio

from activities.limits.concurrency import MOST, PAUSE, STEP, Throttle, Turn


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


async def turns(throttle: Throttle, waiting: list[Turn]) -> list[str]:
    """The runs in the order in which their calls get through, a call ending whenever one has begun."""
    order: list[str] = []

    async def call(turn: Turn) -> None:
        async with throttle.slot(turn):
            order.append(turn.run)
            await asyncio.sleep(0.001)

    await asyncio.gather(*(call(turn) for turn in waiting))
    return order


async def test_runs_take_turns_however_many_calls_one_of_them_has_waiting():
    throttle = Throttle()
    throttle.limit = throttle.most = 1
    order = await turns(throttle, [Turn(run="big")] * 50 + [Turn(run="small")] * 5 + [Turn(run="other")] * 5)
    assert order[1:13].count("small") >= 4 and order[1:13].count("other") >= 4
    assert order[20:] == ["big"] * 40, "and nobody is left out"


async def test_a_run_that_comes_late_gets_the_places_that_come_free_until_it_has_its_share():
    throttle = Throttle()
    throttle.limit = throttle.most = 8
    flying: list[str] = []

    async def call(run: str, until: asyncio.Event) -> None:
        async with throttle.slot(Turn(run=run)):
            flying.append(run)
            await until.wait()

    ends, never = asyncio.Event(), asyncio.Event()
    first = [asyncio.create_task(call("big", ends)) for _ in range(4)]
    rest = [asyncio.create_task(call("big", never)) for _ in range(100)]
    await asyncio.sleep(0)
    small = [asyncio.create_task(call("small", never)) for _ in range(10)]
    await asyncio.sleep(0)
    assert flying == ["big"] * 8
    ends.set()
    await asyncio.gather(*first)
    await asyncio.sleep(0.01)
    assert flying[8:] == ["small"] * 4
    for task in rest + small:
        task.cancel()
    await asyncio.gather(*rest, *small, return_exceptions=True)
    assert throttle.in_flight == 0


async def test_a_higher_priority_goes_first():
    throttle = Throttle()
    throttle.limit = throttle.most = 2
    order = await turns(throttle, [Turn(5, "low")] * 10 + [Turn(3, "usual")] * 10 + [Turn(1, "high")] * 10)
    assert order[2:] == ["high"] * 10 + ["usual"] * 10 + ["low"] * 8


async def test_a_place_that_came_in_the_instant_of_a_cancel_is_passed_on():
    throttle = Throttle()
    throttle.limit = throttle.most = 1
    holding = throttle.slot()
    await holding.__aenter__()
    waiting = [asyncio.create_task(turns(throttle, [Turn(run=run)])) for run in ("gone", "next")]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await holding.__aexit__(None, None, None)
    waiting[0].cancel()
    assert await asyncio.wait_for(waiting[1], 2) == ["next"]
    assert throttle.in_flight == 0
