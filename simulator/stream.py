"""A chat completion as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import StreamingResponse

from simulator.faults import CHUNK_LENGTH, HEADERS


def stream_reply(reply: dict[str, Any], *, rate: float, cut: bool) -> StreamingResponse:
    """Stream a reply in chunks, at `rate` tokens per second (0: at once); `cut` breaks off in the middle."""
    return StreamingResponse(_iter_events(reply, rate=rate, cut=cut), headers=HEADERS, media_type="text/event-stream")


async def _iter_events(reply: dict[str, Any], *, rate: float, cut: bool) -> AsyncIterator[bytes]:
    choice = reply["choices"][0]
    text = choice["message"]["content"] or ""
    end = len(text) // 2 if cut else len(text)
    for start in range(0, end, CHUNK_LENGTH):
        piece = text[start : min(start + CHUNK_LENGTH, end)]
        if rate:
            await asyncio.sleep(len(piece) / 4 / rate)
        yield _encode_event(reply, {"content": piece}, None)
    if cut:
        await asyncio.sleep(0.02)
        raise ConnectionAbortedError("cut on purpose")
    if choice["message"]["refusal"]:
        yield _encode_event(reply, {"refusal": choice["message"]["refusal"]}, None)
    yield _encode_event(reply, {}, choice["finish_reason"])
    yield _encode_event(reply, None, None)
    yield b"data: [DONE]\n\n"


def _encode_event(reply: dict[str, Any], delta: dict[str, Any] | None, finish: str | None) -> bytes:
    chunk = {key: reply[key] for key in ("id", "created", "model", "system_fingerprint")}
    chunk["object"] = "chat.completion.chunk"
    chunk["choices"] = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    if delta is None:
        chunk["usage"] = reply["usage"]
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"
