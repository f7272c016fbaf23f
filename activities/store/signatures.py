"""Signatures of the items that a round of the duplicate check lets stay; later rounds read them, not the items."""

import struct
from collections.abc import AsyncIterator, Iterable

from activities.store.object_store import Store

_HEAD = struct.Struct("<iI")
"""Before each signature: the number of its item, and its length in bytes."""


async def delete_signatures(store: Store, round_: int) -> None:
    """Delete what an interrupted attempt at a round wrote, before the round runs again."""
    await store.delete(_round_folder(round_))


async def write_signatures(store: Store, round_: int, part: int, entries: Iterable[tuple[int, bytes]]) -> None:
    """Write a part of a round's signatures: pairs of item number and signature."""
    data = b"".join(_HEAD.pack(number, len(signature)) + signature for number, signature in entries)
    await store.put(f"{_round_folder(round_)}{part:05d}.bin", data)


async def read_signatures(store: Store, round_: int) -> AsyncIterator[tuple[int, bytes]]:
    """Yield number and signature of each item that a round let stay."""
    async for key in store.list_sorted_keys(_round_folder(round_)):
        data, offset = await store.get(key) or b"", 0
        while offset < len(data):
            number, size = _HEAD.unpack_from(data, offset)
            offset += _HEAD.size
            yield number, data[offset : offset + size]
            offset += size


def _round_folder(round_: int) -> str:
    return f"duplicates/stays-{round_}/"
