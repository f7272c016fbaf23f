"""Answers that are none: refused, broken, or cut."""

import asyncio
import time
from email.utils import formatdate
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response

from simulator.options import Options

HEADERS = {"x-simulated": "true"}
FOR_EVER = 86_400.0
PIECE = 40
"""Characters of a streamed chunk."""


def error(
    status: int, message: str, code: str, headers: dict[str, str] | None = None, param: str | None = None
) -> Response:
    """An error as OpenAI's API words it."""
    said = {"error": {"message": message, "type": code, "code": code, "param": param}}
    return JSONResponse(said, status_code=status, headers=HEADERS | (headers or {}))


def rate_limited(options: Options) -> Response:
    """429, with the wait in the form asked for."""
    wait = options.retry_after
    headers = {
        "seconds": {"retry-after": f"{wait:g}"},
        "ms": {"retry-after-ms": f"{1000 * wait:.0f}"},
        "date": {"retry-after": formatdate(time.time() + wait, usegmt=True)},
        "none": {},
    }[options.retry_after_form]
    return error(429, "Rate limit reached.", "rate_limit_exceeded", headers)


def spent(options: Options) -> Response:
    """429 of a quota that resets much later."""
    wait = {"retry-after": f"{options.quota_seconds:g}"}
    return error(429, "Rate limit reached for requests per day (RPD).", "rate_limit_exceeded", wait)


def no_funds() -> Response:
    """429 that no waiting helps."""
    return error(429, "You exceeded your current quota, please check your plan and billing.", "insufficient_quota")


async def transport(fault: str | None, options: Options) -> Response | None:
    """The fault that needs no answer at all, or None."""
    if fault == "hang":
        await asyncio.sleep(FOR_EVER)
    makers = {
        "rate_limit": lambda: rate_limited(options),
        "server_error": lambda: error(500, "The server had an error.", "server_error"),
        "drop": lambda: Broken(b'{"id"', "application/json"),
        "html": lambda: HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", 200, HEADERS),
        "empty": lambda: Response(b"", 200, HEADERS, "application/json"),
        "no_choices": lambda: JSONResponse({"id": "x", "object": "chat.completion", "choices": None}, 200, HEADERS),
    }
    return makers[fault]() if fault in makers else None


class Broken(Response):
    """An answer that breaks off: the length promises more than is sent, so that the server closes the connection."""

    def __init__(self, start: bytes, media_type: str) -> None:
        super().__init__(start, media_type=media_type)
        self.start = start

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        kind = (self.media_type or "").encode()
        headers = [(b"content-length", str(len(self.start) + 1000).encode()), (b"content-type", kind)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self.start, "more_body": True})
        await asyncio.sleep(0.02)
        raise ConnectionAbortedError("dropped, as asked")
