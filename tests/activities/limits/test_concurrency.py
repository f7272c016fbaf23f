"""Concurrency falls when an endpoint answers 429 and recovers call by call; waiting runs alternate."""

import asyncio

from activities.limits.concurrency import BURST_SECONDS, MAX_IN_FLIGHT, RECOVERY, CallOwner, Throttle


def refuse_calls(throttle: Throttle, now: list[float], count: int) -> float:
    """Refuse this many calls at once and report it a second later; return the remaining concurrency."""
    for _ in range(count):
        throttle.on_rate_limited()
    now[0] += 2 * BURST_SECONDS
    throttle.on_rate_limited()
    return throttle.limit


async def test_concurrency_falls_by_half_the_refused_share():
    now = [0.0]
    few, many = Throttle(clock=lambda: now[0]), Throttle(clock=lambda: now[0])
    few.in_flight = many.in_flight = 20
    assert refuse_calls(few, now, 2) > 18, "strays"
    assert refuse_calls(many, now, 200) < 11, "an overload"


async def test_good_answers_restore_the_concurrency():
    now = [0.0]
    throttle = Throttle(clock=lambda: now[0])
    throttle.in_flight = 20
    before = refuse_calls(throttle, now, 200)
    for _ in range(10):
        throttle.on_success()
    assert throttle.limit == before + 10 * RECOVERY
    for _ in range(10_000):
        throttle.on_success()
    assert throttle.limit == MAX_IN_FLIGHT


async def test_concurrency_never_falls_below_one_and_waiting_calls_pass_one_by_one():
    now = [0.0]
    throttle = Throttle(clock=lambda: now[0])
    throttle.in_flight = 1
    for _ in range(50):
        refuse_calls(throttle, now, 10)
    throttle.in_flight = 0
    assert throttle.limit == 1
    most, flying = 0, 0

    async def call() -> None:
        nonlocal most, flying
        async with throttle.call_slot():
            flying += 1
            most = max(most, flying)
            await asyncio.sleep(0.001)
            flying -= 1

    await asyncio.gather(*(call() for _ in range(20)))
    assert most == 1 and throttle.in_flight == 0


async def test_a_call_cancelled_while_waiting_passes_its_slot_on():
    throttle = Throttle()
    throttle.limit = 1
    entered = asyncio.Event()

    async def holds(seconds: float) -> str:
        async with throttle.call_slot():
            entered.set()
            await asyncio.sleep(seconds)
        return "done"

    first = asyncio.create_task(holds(0.05))
    await entered.wait()
    second, third = asyncio.create_task(holds(0)), asyncio.create_task(holds(0))
    await asyncio.sleep(0.01)
    second.cancel()
    assert await asyncio.wait_for(asyncio.gather(first, third), 2) == ["done", "done"]


async def run_calls(throttle: Throttle, waiting: list[CallOwner]) -> list[str]:
    """Return the runs in the order in which their calls start; each call ends when the next has started."""
    order: list[str] = []

    async def call(turn: CallOwner) -> None:
        async with throttle.call_slot(turn):
            order.append(turn.run)
            await asyncio.sleep(0.001)

    await asyncio.gather(*(call(turn) for turn in waiting))
    return order


async def test_runs_alternate_however_many_calls_one_of_them_has_waiting():
    throttle = Throttle()
    throttle.limit = throttle.ceiling = 1
    order = await run_calls(
        throttle, [CallOwner(run="big")] * 50 + [CallOwner(run="small")] * 5 + [CallOwner(run="other")] * 5
    )
    assert order[1:13].count("small") >= 4 and order[1:13].count("other") >= 4
    assert order[20:] == ["big"] * 40, "and nobody is left out"


async def test_a_late_run_gets_the_freed_slots_until_it_has_its_share():
    throttle = Throttle()
    throttle.limit = throttle.ceiling = 8
    flying: list[str] = []

    async def call(run: str, until: asyncio.Event) -> None:
        async with throttle.call_slot(CallOwner(run=run)):
            flying.append(run)
            await until.wait()

    ends, never = asyncio.Event(), asyncio.Event()
    first = [asyncio.create_task(call("big", ends)) for _ in range(4)]
    waiting = [asyncio.create_task(call("big", never)) for _ in range(100)]
    await asyncio.sleep(0)
    small = [asyncio.create_task(call("small", never)) for _ in range(10)]
    await asyncio.sleep(0)
    assert flying == ["big"] * 8
    ends.set()
    await asyncio.gather(*first)
    await asyncio.sleep(0.01)
    assert flying[8:] == ["small"] * 4
    for task in waiting + small:
        task.cancel()
    await asyncio.gather(*waiting, *small, return_exceptions=True)
    assert throttle.in_flight == 0


async def test_calls_of_a_higher_priority_go_first():
    throttle = Throttle()
    throttle.limit = throttle.ceiling = 2
    order = await run_calls(
        throttle, [CallOwner(5, "low")] * 10 + [CallOwner(3, "usual")] * 10 + [CallOwner(1, "high")] * 10
    )
    assert order[2:] == ["high"] * 10 + ["usual"] * 10 + ["low"] * 8


async def test_a_slot_granted_at_the_moment_of_a_cancel_is_passed_on():
    throttle = Throttle()
    throttle.limit = throttle.ceiling = 1
    holding = throttle.call_slot()
    await holding.__aenter__()
    waiting = [asyncio.create_task(run_calls(throttle, [CallOwner(run=run)])) for run in ("gone", "next")]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await holding.__aexit__(None, None, None)
    waiting[0].cancel()
    assert await asyncio.wait_for(waiting[1], 2) == ["next"]
    assert throttle.in_flight == 0
