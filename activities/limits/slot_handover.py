"""Places that activities of a worker pass on: the next one stands behind and takes each as it comes free, so that no
place waits for the server."""

import asyncio
import secrets
from collections import OrderedDict
from contextlib import suppress

ARRIVES = 0.5
"""Seconds within which the activity ahead must begin, if it comes to this worker."""
KNOWN = 4096
"""Activities whose places are remembered for one that stands behind them."""
SHARE = 2
"""Where more than one in so many of a worker's slots are in use, none is for activities that wait."""

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

    async def taken(self, seconds: float) -> bool:
        """Wait so long for one, and take it; whether that came about."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._free.acquire()
        return False


class Relay:
    """Who stands behind whom in this worker, which may host so many activities at a time."""

    def __init__(self, slots: int) -> None:
        self.worker = secrets.token_hex(4)
        """This worker's name."""
        self._room = slots // SHARE
        self._here = set[Key]()
        """Activities that wait or are at work."""
        self._places: OrderedDict[Key, Places] = OrderedDict()
        self._awaited = dict[Key, asyncio.Event]()

    def opened(self, key: Key, places: int) -> Places:
        """The places of an activity that begins, which one that stands behind it may find."""
        self._here.add(key)
        self._places[key] = found = Places(places)
        if (awaited := self._awaited.pop(key, None)) is not None:
            awaited.set()
        if len(self._places) > KNOWN:
            self._places.popitem(last=False)
        return found

    def ended(self, key: Key) -> None:
        """An activity has ended; its places are known for a while."""
        self._here.discard(key)

    async def found(self, ahead: Key) -> Places | None:
        """The places of the activity ahead, to be waited for; None where it is not in this worker, or this has no slots
        to spare. The server's queue keeps no strict order: what was sent first may come second."""
        if len(self._here) < self._room and ahead not in self._places:
            awaited = self._awaited.setdefault(ahead, asyncio.Event())
            with suppress(TimeoutError):
                async with asyncio.timeout(ARRIVES):
                    await awaited.wait()
            self._awaited.pop(ahead, None)
        return self._places.get(ahead) if len(self._here) < self._room else None
