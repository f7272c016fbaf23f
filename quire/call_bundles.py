"""How many calls go into one activity: one, unless calls are so short or so many that the engine would be the bound.
Pure; what was measured is in docs/performance.md.

Other figures here would send a live run's calls anew when its history is replayed: they need `workflow.patched`.
"""

import math
from typing import NamedTuple

ACTIVITIES = 25.0
"""Activities a second and run that the engine takes without being felt: each costs some milliseconds."""
LONG, LONG_CALLS = 4.0, 100.0
"""Seconds from which calls are long, and activities a second for those: they differ much in length, and side by side in
one activity the quick ones would wait for the slow ones."""
FELT = 12.0
"""Calls a second below which they go one by one, so that each is seen by itself in the history."""
FEW = 32
"""Batches that are waiting below which they do, so that the end of a run is seen batch by batch."""
SPAN = 2.0
"""Seconds that the calls of one place may take one after another: as long as a slot of the worker may take to come free
for another run, and half of what a pause may take to be noticed, since another activity may stand behind."""
LATEST = 1.5 * SPAN
"""Seconds after an activity's first call in which others are begun, should calls take longer than those before. Where
they always do, no activity stands behind another."""
BLIND = 4
"""Calls one after another where nobody knows how long they take; the last ones are begun only if they are short."""
MOST_TURNS = 40
MOST_PLACES = 16


class Rule(NamedTuple):
    """What has been found better since, and differs for runs that were begun before."""

    wave: int
    """Calls of the first wave, of which nobody knows how long they take, for one place of an activity."""
    shards_end: bool
    """Whether a shard's end is seen batch by batch, as a run's is."""
    rounds: int
    """Activities that each place has at least before it at any time: more, and smaller, where one stands behind another
    and the last ones are to end together."""
    seen: float
    """Seconds from which calls are so long that somebody may see them one by one."""
    around: float
    """Seconds that the server takes from one activity of a place to the next: none is meant to be shorter."""


RULE = Rule(wave=16, shards_end=False, rounds=2, seen=1.0, around=0.2)
FORMER = Rule(wave=16, shards_end=False, rounds=1, seen=0.0, around=0.0)
FIRST = Rule(wave=50, shards_end=True, rounds=1, seen=0.0, around=0.0)


class Bundle(NamedTuple):
    """Calls of one activity: so many places side by side, each making so many calls one after another."""

    places: int
    turns: int


def bundle(
    *, width: int, share: int, seconds: float | None, waiting: int, rule: Rule = RULE, behind: bool = False
) -> Bundle:
    """The next activity's calls.

    `width` is the calls in flight that the whole run may have, `share` those of the workflow that asks, `seconds` what
    a call takes (None before the first is back), `waiting` the batches that could go; `behind`: it stands behind
    another. Few calls of some seconds each go one by one. Near the end turns become fewer, so that all places end at
    about the same time.
    """
    fair = waiting // max(1, share * rule.rounds)
    if seconds is None and waiting < FEW:
        return Bundle(1, 1)
    if seconds is None:
        places, turns = min(MOST_PLACES, width // rule.wave, share // 8), min(BLIND, fair) if behind else 1
        return Bundle(max(1, places), max(1, turns))
    seconds = max(seconds, 0.001)
    rate = width / seconds
    few = FEW if share == width or rule.shards_end else min(FEW, share)
    if rate < FELT or (waiting < few and seconds >= rule.seen):
        return Bundle(1, 1)
    turns = max(1, math.ceil(rule.around / seconds), min(MOST_TURNS, round(SPAN / seconds), fair))
    places = -(-rate // ((ACTIVITIES if seconds <= LONG else LONG_CALLS) * turns))
    return Bundle(int(max(1, min(places, MOST_PLACES, share // 8))), turns)
