"""Which activities stand behind which: places are neither lost nor made, in whatever order activities end."""

import random

import pytest

from workflows.state.bundles_in_flight import SURE, Flights


@pytest.mark.parametrize("seed", range(20))
def test_places_are_neither_lost_nor_made(seed):
    chance, flights, width, taken = random.Random(seed), Flights(relayed=True, ended=SURE), 24, 0
    for number in range(500):
        ahead = flights.unfollowed()
        if taken < width and chance.random() < 0.6:
            wanted = chance.randint(1, min(6, width - taken))
            taken += flights.started(f"own-{number}", wanted, None).places
        elif ahead is not None and chance.random() < 0.6:
            flights.started(f"behind-{number}", chance.randint(1, ahead.unclaimed), ahead)
        elif flights.up:
            taken -= flights.landed(chance.choice(list(flights.up.values())))
        assert taken == sum(flight.places for flight in flights.up.values()) <= width
        assert all(flight.unclaimed >= 0 for flight in flights.up.values() if flight.places)
    while flights.up:
        taken -= flights.landed(next(iter(flights.up.values())))
    assert taken == 0


def test_what_came_to_nothing_leaves_the_places_to_others():
    flights = Flights(relayed=True, ended=SURE)
    first = flights.started("first", 4, None)
    behind, other = flights.started("behind", 3, first), flights.started("other", 1, first)
    assert flights.unfollowed() is None
    assert flights.landed(behind) == 0 and flights.unfollowed() is first
    assert flights.landed(first) == 3 and other.places == 1
    assert flights.landed(other) == 1


def test_after_the_first_ones_nothing_stands_behind_before_one_worker_seems_to_be_the_only_one():
    flights = Flights(relayed=True)
    first = flights.started("first", 4, None)
    assert flights.unfollowed() is first
    for _ in range(SURE - 1):
        flights.heard("here")
        assert flights.unfollowed() is None
    flights.heard("")  # an activity that failed tells of nobody
    assert flights.unfollowed() is None
    flights.heard("here")
    assert flights.unfollowed() is first
    flights.heard("there")
    assert flights.unfollowed() is None
