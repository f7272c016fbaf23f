"""A chat completion as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import StreamingResponse

from simulator.faults import HEADERS, PIECE


def streamed(reply: dict[str, Any], *, rate: float, cut: bool) -> StreamingResponse:
    """The reply in chunks at `rate` tokens a second (0: at once); `cut` breaks off in the middle."""
    return StreamingResponse(_events(reply, rate=rate, cut=cut), headers=HEADERS, media_type="text/event-stream")


async def _events(reply: dict[str, Any], *, rate: float, cut: bool) -> AsyncIterator[bytes]:
    choice = reply["choices"][0]
    text = choice["message"]["content"] or ""
    ends = len(text) // 2 if cut else len(text)
    for start in range(0, ends, PIECE):
        piece = text[start : min(start + PIECE, ends)]
        if rate:
            await asyncio.sleep(len(piece) / 4 / rate)
        yield _event(reply, {"content": piece}, None)
    if cut:
        await asyncio.sleep(0.02)
        raise ConnectionAbortedError("cut, as asked")
    if choice["message"]["refusal"]:
        yield _event(reply, {"refusal": choice["message"]["refusal"]}, None)
    yield _event(reply, {}, choice["finish_reason"])
    yield _event(reply, None, None)
    yield b"data: [DONE]\n\n"


def _event(reply: dict[str, Any], delta: dict[str, Any] | None, finish: str | None) -> bytes:
    shown = {key: reply[key] for key in ("id", "created", "model", "system_fingerprint")}
    shown["object"] = "chat.completion.chunk"
    shown["choices"] = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    if delta is None:
        shown["usage"] = reply["usage"]
    return b"data: " + json.dumps(shown, ensure_ascii=False).encode() + b"\n\n"
