"""Places that activities of a worker pass on: the next one stands behind and takes each as it comes free, so that no
place waits for the server."""

import asyncio
from collections import OrderedDict
from contextlib import suppress

from temporalio import activity

BEAT = 5.0
"""Seconds between the heartbeats of an activity that stands and waits."""
ARRIVES = 1.0
"""Seconds within which the activity ahead must begin, if it comes to this worker."""
KNOWN = 4096
"""Activities whose places are remembered for one that stands behind them."""
STANDING = 4
"""One in so many of a worker's slots may be taken by activities that wait."""

Key = tuple[str, str]
"""A workflow's run and an activity's id."""


class Places:
    """One activity's places: those that are in use, and those that have come free."""

    def __init__(self, number: int) -> None:
        self._used = number
        self._free = asyncio.Semaphore(0)

    def leave(self) -> None:
        """One has come free."""
        if self._used:
            self._used -= 1
            self._free.release()

    def end(self) -> None:
        """All have."""
        while self._used:
            self.leave()

    async def taken(self) -> None:
        """Wait for one, and take it."""
        while True:
            try:
                async with asyncio.timeout(BEAT):
                    await self._free.acquire()
                return
            except TimeoutError:
                activity.heartbeat()


class Relay:
    """Who stands behind whom in this worker, which may host so many activities at a time."""

    def __init__(self, slots: int) -> None:
        self._room = slots // STANDING
        self._standing = set[Key]()
        self._places: OrderedDict[Key, Places] = OrderedDict()
        self._awaited = dict[Key, asyncio.Event]()

    def opened(self, key: Key, places: int) -> Places:
        """An activity's places, which one that stands behind it may find."""
        found = Places(places)
        self._places[key] = found
        if (awaited := self._awaited.pop(key, None)) is not None:
            awaited.set()
        if len(self._places) > KNOWN:
            self._places.popitem(last=False)
        return found

    async def stand(self, key: Key, ahead: Key) -> Places | None:
        """The places of the activity ahead, for this one to wait for; None where it is not in this worker, or too many
        stand here."""
        if len(self._standing) >= self._room:
            return None
        self._standing.add(key)
        found = self._places.get(ahead) or await self._arrival(ahead)
        if found is None:
            self.goes(key)
        return found

    async def _arrival(self, ahead: Key) -> Places | None:
        """The places of an activity that was sent first and comes second: the server's queue keeps no strict order."""
        awaited = self._awaited.setdefault(ahead, asyncio.Event())
        with suppress(TimeoutError):
            async with asyncio.timeout(ARRIVES):
                await awaited.wait()
        self._awaited.pop(ahead, None)
        return self._places.get(ahead)

    def goes(self, key: Key) -> None:
        """It waits no more."""
        self._standing.discard(key)
