"""What is kept of the items that stay, in the store: read back in later rounds instead of their text."""

import struct
from collections.abc import Iterable, Iterator

from activities.store import Store

_HEAD = struct.Struct("<iI")
"""Number of the item, and how long its signature is."""


def key(round_: int) -> str:
    """Where the items that a round let stay are; round 0 holds those from outside."""
    return f"duplicates/stays-{round_}.bin"


async def write(store: Store, round_: int, entries: Iterable[tuple[int, bytes]]) -> None:
    """Keep these."""
    data = b"".join(_HEAD.pack(number, len(signature)) + signature for number, signature in entries)
    await store.put(key(round_), data)


async def read(store: Store, round_: int) -> list[tuple[int, bytes]] | None:
    """What a round let stay, or None where it was not written."""
    data = await store.get(key(round_))
    return None if data is None else list(_entries(data))


def _entries(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        number, size = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        yield number, data[at : at + size]
        at += size
