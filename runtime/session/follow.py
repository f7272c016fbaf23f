"""Follow a run to its end, through what goes wrong on the way."""

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Any, Literal

from temporalio.client import Client
from temporalio.service import RPCError

from runtime.session.renderers import JsonLines, Lines, Screen, Show
from runtime.session.run_view import Look, Looker
from runtime.temporal.diagnosis import Trouble
from runtime.temporal.runs import Handle, outcome_of

PAUSE, LONGEST = 0.4, 2.0
"""Seconds between two looks: as many as the last look took, so that a very large run is looked at less often."""
LOOKS = 5
"""How often an ended run is looked at until its end is seen: a busy worker may leave a look unanswered."""
PATIENCE = 120.0
"""Seconds that a server may be away before the watching ends."""

Seen = Literal["ended", "stopped", "broken"]
"""The run ended; the person stopped watching; something must be mended before the run can go on."""


def shows(*, json: bool) -> list[Show]:
    """How this process shows a run: JSON lines where they are asked for, and for the person at the terminal."""
    lines: list[Show] = [JsonLines()] if json else []
    if json and sys.stdout.isatty():
        return lines
    return [*lines, Screen() if sys.stderr.isatty() else Lines()]


class Unreachable(Exception):
    """The server was away for too long."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.said)


async def follow(
    client: Client, handle: Handle, stop: asyncio.Event, shown: Sequence[Show], *, patience: float = PATIENCE
) -> Seen:
    """Show a run until it ends, the person stops watching, or nothing goes on that this process could mend.

    Raises Unreachable where the server was away for `patience` seconds.
    """
    looker, away = Looker(client, handle), _Away(patience)
    ended, stopping = asyncio.create_task(_end(handle)), asyncio.create_task(stop.wait())
    try:
        with ExitStack() as stack:
            for show in shown:
                stack.enter_context(show)
            while True:
                began = time.monotonic()
                look = await _unless({ended, stopping}, looker.look())
                if look is None:
                    break
                for show in shown:
                    show.show(look)
                away.check(look)
                if _broken(look):
                    return "broken"
                pause = PAUSE if look.trouble else min(LONGEST, max(PAUSE, time.monotonic() - began))
                await asyncio.wait({ended, stopping}, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                return "stopped"
            last = await _last(looker)
            for show in shown:
                show.show(last, last=True)
        return "ended"
    finally:
        for task in (ended, stopping):
            task.cancel()
        await asyncio.gather(ended, stopping, return_exceptions=True)


async def _last(looker: Looker) -> Look:
    """The run as it ended, or as it was last seen where nobody tells."""
    look = await looker.look()
    for _ in range(LOOKS - 1):
        if look.progress is not None and look.progress.stage == "done":
            break
        look = await looker.look()
    return look


async def _end(handle: Handle) -> None:
    """Return when the run has ended, however long the server is away meanwhile."""
    while True:
        with suppress(RPCError):
            await outcome_of(handle)
            return
        await asyncio.sleep(PAUSE)


async def _unless(others: set[asyncio.Task[Any]], work: Any) -> Look | None:
    """The look, or None where one of the others is done before."""
    looking: asyncio.Task[Look] = asyncio.create_task(work)
    await asyncio.wait({looking, *others}, return_when=asyncio.FIRST_COMPLETED)
    if any(other.done() for other in others):
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        return None
    return await looking


def _broken(look: Look) -> bool:
    progress = look.progress
    return look.trouble is None and progress is not None and progress.waits_for == "repair" and not progress.in_flight


class _Away:
    """How long the server has been away."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._since: float | None = None

    def check(self, look: Look) -> None:
        """Raises Unreachable after too long."""
        if look.trouble is None or not look.trouble.unreachable:
            self._since = None
            return
        self._since = self._since or time.monotonic()
        if time.monotonic() - self._since >= self._patience:
            raise Unreachable(look.trouble)
