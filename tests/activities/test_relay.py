"""An activity that stands behind another takes its places as they come free, and no place of anybody else's."""

import asyncio

import pytest

from activities.limits import slot_handover
from activities.limits.slot_handover import Places, Relay

A, B, C = ("run", "a"), ("run", "b"), ("run", "c")


async def test_each_place_is_taken_once_as_it_comes_free():
    places = Places(2)
    assert not await places.taken(0.01)
    places.leave()
    assert await places.taken(0.01) and not await places.taken(0.01)
    waiting = asyncio.create_task(places.taken(5))
    places.end()
    assert await waiting and not await places.taken(0.01)


async def test_one_finds_the_activity_ahead_whether_that_comes_first_or_second(monkeypatch):
    here = Relay(slots=100)
    first = here.opened(A, 3)
    assert await here.found(A) is first and await here.found(A) is first
    late = asyncio.create_task(here.found(B))
    await asyncio.sleep(0.01)
    assert here.opened(B, 1) is await late


async def test_an_activity_ahead_in_another_worker_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(slot_handover, "ARRIVES", 0.05)
    here = Relay(slots=100)
    here.opened(("another run", "a"), 1)
    assert await here.found(A) is None


async def test_none_waits_where_the_worker_has_no_slots_to_spare():
    here = Relay(slots=4)
    first = here.opened(A, 8)
    assert await here.found(A) is first
    here.opened(B, 8)
    assert await here.found(A) is None
    here.ended(B)
    assert await here.found(A) is first


async def test_what_nobody_asks_for_is_forgotten(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(slot_handover, "KNOWN", 2)
    monkeypatch.setattr(slot_handover, "ARRIVES", 0.01)
    here = Relay(slots=100)
    for key in (A, B, C):
        here.opened(key, 1)
    assert await here.found(A) is None and await here.found(C) is not None
