"""Rows of the page in packed blocks, unpacked when they are shown: a hundred thousand items are no table."""

import asyncio
import base64
import gzip
import json
from typing import Any, Protocol

_ROWS = 500
_SIZE = 1 << 19
"""Rows, and bytes before packing, after which a block is full."""


class Sink(Protocol):
    """What the page is written to, piece by piece."""

    async def write(self, data: bytes) -> object:
        """Add to the page."""
        ...


class Blocks:
    """Takes rows in order and writes them, gzipped and in base64, as elements that no browser runs; without a sink they
    are dropped."""

    def __init__(self, sink: Sink | None, kind: str) -> None:
        self._sink, self._kind = sink, kind
        self._held: list[bytes] = []
        self._size = 0

    async def add(self, row: Any) -> None:
        """The next row."""
        if self._sink is None:
            return
        line = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        self._held.append(line)
        self._size += len(line)
        if len(self._held) >= _ROWS or self._size >= _SIZE:
            await self.end()

    async def end(self) -> None:
        """Write what is held."""
        if self._sink is None or not self._held:
            return
        data = b"\n".join(self._held)
        packed = base64.b64encode(await asyncio.to_thread(gzip.compress, data, 6, mtime=0))
        opening = f'<script type="application/octet-stream" data-kind="{self._kind}" data-rows="{len(self._held)}">'
        await self._sink.write(opening.encode() + packed + b"</script>\n")
        self._held.clear()
        self._size = 0
