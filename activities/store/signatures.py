"""What is kept of the items that stay, in the store: read back in later rounds instead of their text."""

import struct
from collections.abc import AsyncIterator, Iterable

from activities.store.object_store import Store

_HEAD = struct.Struct("<iI")
"""Number of the item, and how long its signature is."""


def key(round_: int, part: int) -> str:
    """Where a part of the items that a round let stay is."""
    return f"duplicates/stays-{round_}/{part:05d}.bin"


async def clear(store: Store, round_: int) -> None:
    """A round is made again: what it wrote before it was cut short goes."""
    await store.remove(f"duplicates/stays-{round_}/")


async def write(store: Store, round_: int, part: int, entries: Iterable[tuple[int, bytes]]) -> None:
    """Keep these."""
    data = b"".join(_HEAD.pack(number, len(signature)) + signature for number, signature in entries)
    await store.put(key(round_, part), data)


async def read(store: Store, round_: int) -> AsyncIterator[tuple[int, bytes]]:
    """Number and signature of each item that a round let stay."""
    async for name in store.keys(f"duplicates/stays-{round_}/"):
        data, at = await store.get(name) or b"", 0
        while at < len(data):
            number, size = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            yield number, data[at : at + size]
            at += size
