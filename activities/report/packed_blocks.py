"""The page's rows in compressed blocks, which the browser unpacks when it shows them: 100,000 rows fit in one page."""

import asyncio
import base64
import gzip
import json
from typing import Any

from activities.store.object_store import Sink

_ROWS = 500
_SIZE = 1 << 19
"""Rows, and bytes before compression, at which a block is full."""


class PackedBlocks:
    """Writes rows in order, gzipped and in base64, as script elements that no browser runs.

    While a thread compresses a block, the next one is filled. Without a sink, rows are dropped.
    """

    def __init__(self, sink: Sink | None, kind: str) -> None:
        self._sink, self._kind = sink, kind
        self._rows: list[bytes] = []
        self._size = 0
        self._packing: asyncio.Task[bytes] | None = None

    async def add_row(self, row: Any) -> None:
        """Add the next row."""
        if self._sink is None:
            return
        line = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        self._rows.append(line)
        self._size += len(line)
        if len(self._rows) >= _ROWS or self._size >= _SIZE:
            await self._start_packing()

    async def finish(self) -> None:
        """Write the rows that are still in memory."""
        if self._rows:
            await self._start_packing()
        await self._write_packed()

    async def _start_packing(self) -> None:
        await self._write_packed()
        self._packing = asyncio.create_task(asyncio.to_thread(_pack_block, self._kind, self._rows))
        self._rows, self._size = [], 0
        await asyncio.sleep(0)  # lets the thread start

    async def _write_packed(self) -> None:
        if self._sink is not None and self._packing is not None:
            await self._sink.write(await self._packing)
            self._packing = None


def _pack_block(kind: str, rows: list[bytes]) -> bytes:
    opening = f'<script type="application/octet-stream" data-kind="{kind}" data-rows="{len(rows)}">'
    return opening.encode() + base64.b64encode(gzip.compress(b"\n".join(rows), 6, mtime=0)) + b"</script>\n"
