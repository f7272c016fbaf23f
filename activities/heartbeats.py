"""Heartbeats of activities: the server notices a dead worker within seconds, and cancellation reaches activities."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from temporalio import activity

INTERVAL = 5.0
"""Seconds between heartbeats: a dead worker is noticed within the 15 that the workflow allows."""


def send_heartbeat(*details: Any) -> None:
    """Send a heartbeat with these details. Outside an activity, as in `check` and tests, do nothing."""
    if activity.in_activity():
        activity.heartbeat(*details)


def count_heartbeat(count: int, every: int = 200) -> None:
    """Send a heartbeat for every `every`th entry of a loop; `count` entries are done."""
    if count % every == 0:
        send_heartbeat(count)


def no_details() -> tuple[Any, ...]:
    """Return the details of a heartbeat that has nothing to report."""
    return ()


@contextmanager
def regular_heartbeats(
    interval: float = INTERVAL, details: Callable[[], tuple[Any, ...]] = no_details
) -> Generator[None]:
    """Send a heartbeat every `interval` seconds while the block runs, with what `details` returns at that moment."""
    loop = asyncio.get_running_loop()

    def beat() -> None:
        nonlocal timer
        send_heartbeat(*details())
        timer = loop.call_later(interval, beat)

    timer = loop.call_later(interval, beat)  # a task would cost as much event-loop time as the HTTP client's work
    try:
        yield
    finally:
        timer.cancel()
