"""Which attempt at an answer an activity's attempt is: those that only waited for a turn are none."""

from typing import Any

from temporalio import activity


def waited() -> int:
    """How many attempts of this activity were spent in waiting for a turn."""
    details: Any = activity.info().heartbeat_details if activity.in_activity() else ()
    return int(details[1]) if len(details) > 1 else 0


def attempt() -> int:
    """Which attempt at an answer this is, from 1."""
    return max(1, activity.info().attempt - waited()) if activity.in_activity() else 1
