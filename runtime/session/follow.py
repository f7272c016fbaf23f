"""Follow a run to its end, through outages of its server and workers."""

import asyncio
import sys
import time
from collections.abc import Coroutine, Sequence
from contextlib import ExitStack, suppress
from typing import Any, Literal

from temporalio.client import Client
from temporalio.service import RPCError

from runtime.session.renderers import JsonLineRenderer, LineRenderer, Renderer, ScreenRenderer
from runtime.session.run_view import RunPoller, RunView
from runtime.temporal.diagnosis import Diagnosis
from runtime.temporal.runs import Handle, fetch_outcome

POLL_PAUSE, LONGEST_POLL_PAUSE = 0.4, 2.0
"""Seconds between two polls: as long as the last poll took, so that a very large run is polled less often."""
FINAL_POLLS = 5
"""How often an ended run is polled until its last progress is seen: a busy worker may leave a query unanswered."""
OUTAGE_SECONDS = 120.0
"""How long a server may be away before following ends."""

FollowEnd = Literal["ended", "stopped", "needs fix"]
"""Why following ended: the run ended, the person stopped it, or the run waits until something is fixed."""


def choose_renderers(*, json: bool) -> list[Renderer]:
    """Return how this process shows a run: JSON lines if asked for, and on standard error a screen or plain lines."""
    renderers: list[Renderer] = [JsonLineRenderer()] if json else []
    if json and sys.stdout.isatty():
        return renderers
    return [*renderers, ScreenRenderer() if sys.stderr.isatty() else LineRenderer()]


class ServerUnreachable(Exception):
    """The server was away for too long."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        super().__init__(diagnosis.message)


async def follow_run(
    client: Client,
    handle: Handle,
    stop: asyncio.Event,
    renderers: Sequence[Renderer],
    *,
    outage_seconds: float = OUTAGE_SECONDS,
) -> FollowEnd:
    """Show a run until it ends, `stop` is set, or it waits for something that a person must fix.

    Raises ServerUnreachable if the server is away for `outage_seconds`.
    """
    poller, outage = RunPoller(client, handle), _OutageTimer(outage_seconds)
    ended, stopping = asyncio.create_task(_wait_for_end(handle)), asyncio.create_task(stop.wait())
    try:
        with ExitStack() as stack:
            for renderer in renderers:
                stack.enter_context(renderer)
            while True:
                started = time.monotonic()
                view = await _first_of({ended, stopping}, poller.poll())
                if view is None:
                    break
                for renderer in renderers:
                    renderer.render(view)
                outage.check(view)
                if _needs_fix(view):
                    return "needs fix"
                poll_seconds = time.monotonic() - started
                pause = POLL_PAUSE if view.diagnosis else min(LONGEST_POLL_PAUSE, max(POLL_PAUSE, poll_seconds))
                await asyncio.wait({ended, stopping}, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                return "stopped"
            final_view = await _poll_final_view(poller)
            for renderer in renderers:
                renderer.render(final_view, last=True)
        return "ended"
    finally:
        for task in (ended, stopping):
            task.cancel()
        await asyncio.gather(ended, stopping, return_exceptions=True)


async def _poll_final_view(poller: RunPoller) -> RunView:
    """Return the run as it ended, or its last known view if no worker answers."""
    view = await poller.poll()
    for _ in range(FINAL_POLLS - 1):
        if view.progress is not None and view.progress.stage == "done":
            break
        view = await poller.poll()
    return view


async def _wait_for_end(handle: Handle) -> None:
    """Return when the run has ended, however long the server is away meanwhile."""
    while True:
        with suppress(RPCError):
            await fetch_outcome(handle)
            return
        await asyncio.sleep(POLL_PAUSE)


async def _first_of(others: set[asyncio.Task[Any]], poll: Coroutine[Any, Any, RunView]) -> RunView | None:
    """Return the view, or None if one of the other tasks is done first; the poll is then cancelled."""
    polling = asyncio.create_task(poll)
    await asyncio.wait({polling, *others}, return_when=asyncio.FIRST_COMPLETED)
    if any(other.done() for other in others):
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
        return None
    return await polling


def _needs_fix(view: RunView) -> bool:
    """Return True if the run is paused until a person fixes something, and no call is in flight any more."""
    progress = view.progress
    if view.diagnosis is not None or progress is None:
        return False
    return progress.waits_for == "repair" and not progress.in_flight


class _OutageTimer:
    """Measures how long the server has been away."""

    def __init__(self, limit_seconds: float) -> None:
        self._limit_seconds = limit_seconds
        self._since: float | None = None

    def check(self, view: RunView) -> None:
        """Take a view into account. Raises ServerUnreachable if the server has been away for too long."""
        if view.diagnosis is None or not view.diagnosis.unreachable:
            self._since = None
            return
        self._since = self._since or time.monotonic()
        if time.monotonic() - self._since >= self._limit_seconds:
            raise ServerUnreachable(view.diagnosis)
