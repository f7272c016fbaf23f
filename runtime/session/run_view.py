"""One look at a run: what it says of itself, and what the server knows beside that."""

import asyncio
import time
from dataclasses import dataclass, field

from temporalio.client import Client
from temporalio.service import RPCError

from quire.progress import Progress
from runtime.session.eta import Pace, Tempo
from runtime.temporal.diagnosis import PATIENCE, Trouble, diagnosed
from runtime.temporal.pending_calls import Again, again
from runtime.temporal.runs import Handle, progress_of

RARELY = 2.0
"""Seconds between two looks at the calls: with a thousand in flight the server's answer is large."""


@dataclass(frozen=True)
class Look:
    """All that is shown."""

    workflow_id: str
    progress: Progress | None
    """The last that was said, where it says nothing now; None where it has said nothing yet."""
    pace: Pace = field(default_factory=Pace)
    again: Again = field(default_factory=Again)
    trouble: Trouble | None = None
    """Why it says nothing now."""
    at: float = 0.0
    """Seconds since 1970."""


class Looker:
    """Looks again and again."""

    def __init__(self, client: Client, handle: Handle) -> None:
        self._client, self._handle = client, handle
        self._tempo, self._again, self._asked = Tempo(), Again(), -RARELY
        self._last: Progress | None = None
        self._unanswered = 0

    async def look(self) -> Look:
        """What is known now; it takes some seconds where nobody answers."""
        progress = await self._progress()
        if progress is None:
            trouble = await diagnosed(self._client, self._handle.id)
            self._unanswered += 1
            if trouble is not None and trouble.kind in ("no worker", "silent worker") and self._unanswered == 1:
                trouble = None  # it may be busy for a moment, or about to come
            return Look(self._handle.id, self._last, trouble=trouble, at=time.time())
        self._last, self._unanswered = progress, 0
        pace = self._tempo.learn(progress, time.monotonic())
        return Look(self._handle.id, progress, pace, await self._calls(progress), at=time.time())

    async def _progress(self) -> Progress | None:
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                return await progress_of(self._handle)
        except TimeoutError:
            return None

    async def _calls(self, progress: Progress) -> Again:
        if time.monotonic() - self._asked >= RARELY:
            self._asked = time.monotonic()
            try:
                async with asyncio.timeout(PATIENCE.total_seconds()):
                    described = await self._handle.describe(rpc_timeout=PATIENCE)
                    self._again = await again(self._client, described, time.time())
            except (RPCError, TimeoutError):
                return self._again  # the next look tells what is wrong
        return self._again if progress.in_flight or self._again.turns else Again()
