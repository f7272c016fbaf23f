"""How many calls go into one activity: one, unless calls are so short or so many that the engine would be the bound.

Pure; what was measured is in docs/notes/speed.md. Other figures here would send a live run's calls differently when its
history is replayed: they need `workflow.patched`.
"""

import math
from typing import NamedTuple

ACTIVITIES_PER_SECOND = 25.0
"""Activities a second and run that the engine takes without being felt: each costs some milliseconds."""
LONG_CALL_SECONDS, LONG_CALL_ACTIVITIES = 4.0, 100.0
"""Seconds from which calls are long, and activities a second for long calls: they differ much in length, and side by
side in one activity the quick ones would wait for the slow ones."""
SINGLE_CALLS_PER_SECOND = 12.0
"""Calls a second below which each has an activity of its own, so that the history shows each call."""
FEW_BATCHES = 32
"""Waiting batches below which calls of `VISIBLE_SECONDS` or more go one by one: the end of a run is seen batch by
batch."""
VISIBLE_SECONDS = 1.0
"""Seconds from which a call is long enough for a person to follow it by itself."""
BUNDLE_SECONDS = 2.0
"""Seconds that the calls of one call slot may take one after another: as long as a worker's slot may take to come free
for another run, and as a pause may take to be noticed."""
START_WINDOW = 1.5 * BUNDLE_SECONDS
"""Seconds after an activity's first call in which further calls start, if calls take longer than those before."""
SCHEDULING_SECONDS = 0.2
"""Seconds that the server takes from one activity of a call slot to the next: no bundle is meant to be shorter."""
FIRST_WAVE_CALLS = 16
"""Calls in flight for each call slot of an activity of the first wave, while nobody knows how long calls take."""
MAX_CALLS_PER_SLOT = 40
MAX_CALL_SLOTS = 16


class Bundle(NamedTuple):
    """The calls of one activity."""

    call_slots: int
    """Calls in flight at a time."""
    calls_per_slot: int
    """Calls that each call slot makes one after another."""

    @property
    def calls(self) -> int:
        """Calls of the whole activity."""
        return self.call_slots * self.calls_per_slot


SINGLE_CALL = Bundle(1, 1)


def choose_bundle(*, concurrency: int, share: int, seconds: float | None, waiting: int) -> Bundle:
    """Return the size of the next activity.

    `concurrency` is the number of calls in flight that the whole run may have, `share` that of the workflow that asks,
    `seconds` what a call takes (None before the first answer), `waiting` the batches that could be sent. Near the end
    each call slot gets fewer calls, so that all call slots finish at about the same time.
    """
    if seconds is None:
        if waiting < FEW_BATCHES:
            return SINGLE_CALL
        return Bundle(max(1, min(MAX_CALL_SLOTS, concurrency // FIRST_WAVE_CALLS, share // 8)), 1)
    seconds = max(seconds, 0.001)
    calls_per_second = concurrency / seconds
    few = FEW_BATCHES if share == concurrency else min(FEW_BATCHES, share)
    if calls_per_second < SINGLE_CALLS_PER_SECOND or (waiting < few and seconds >= VISIBLE_SECONDS):
        return SINGLE_CALL
    fair_part = waiting // max(1, share)
    calls_per_slot = max(
        1,
        math.ceil(SCHEDULING_SECONDS / seconds),
        min(MAX_CALLS_PER_SLOT, round(BUNDLE_SECONDS / seconds), fair_part),
    )
    activities_per_second = ACTIVITIES_PER_SECOND if seconds <= LONG_CALL_SECONDS else LONG_CALL_ACTIVITIES
    call_slots = -(-calls_per_second // (activities_per_second * calls_per_slot))
    return Bundle(int(max(1, min(call_slots, MAX_CALL_SLOTS, share // 8))), calls_per_slot)
