"""Rows of the page in packed blocks, unpacked when they are shown: a hundred thousand items are no table."""

import asyncio
import base64
import gzip
import json
from typing import Any

from activities.store.object_store import Sink

_ROWS = 500
_SIZE = 1 << 19
"""Rows, and bytes before packing, after which a block is full."""


class Blocks:
    """Takes rows in order and writes them, gzipped and in base64, as elements that no browser runs; without a sink they
    are dropped. While a block is packed, in a thread, the next one is filled."""

    def __init__(self, sink: Sink | None, kind: str) -> None:
        self._sink, self._kind = sink, kind
        self._held: list[bytes] = []
        self._size = 0
        self._packing: asyncio.Task[bytes] | None = None

    async def add(self, row: Any) -> None:
        """The next row."""
        if self._sink is None:
            return
        line = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        self._held.append(line)
        self._size += len(line)
        if len(self._held) >= _ROWS or self._size >= _SIZE:
            await self._pack()

    async def end(self) -> None:
        """Write what is held."""
        if self._held:
            await self._pack()
        await self._write()

    async def _pack(self) -> None:
        await self._write()
        self._packing = asyncio.create_task(asyncio.to_thread(_packed, self._kind, self._held))
        self._held, self._size = [], 0
        await asyncio.sleep(0)  # so that the thread begins

    async def _write(self) -> None:
        if self._sink is not None and self._packing is not None:
            await self._sink.write(await self._packing)
            self._packing = None


def _packed(kind: str, rows: list[bytes]) -> bytes:
    opening = f'<script type="application/octet-stream" data-kind="{kind}" data-rows="{len(rows)}">'
    return opening.encode() + base64.b64encode(gzip.compress(b"\n".join(rows), 6, mtime=0)) + b"</script>\n"
