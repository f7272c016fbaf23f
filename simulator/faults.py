"""Error responses, broken responses and dropped connections."""

import asyncio
import time
from email.utils import formatdate
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response

from simulator.options import Options

HEADERS = {"x-simulated": "true"}
HANG_SECONDS = 86_400.0
CHUNK_LENGTH = 40
"""Characters per streamed chunk."""


def build_error(
    status: int, message: str, code: str, headers: dict[str, str] | None = None, param: str | None = None
) -> Response:
    """Return an error in the format of OpenAI's API."""
    body = {"error": {"message": message, "type": code, "code": code, "param": param}}
    return JSONResponse(body, status_code=status, headers=HEADERS | (headers or {}))


def build_rate_limit_error(options: Options) -> Response:
    """Return a 429 that states the wait in the configured form."""
    wait = options.retry_after
    headers = {
        "seconds": {"retry-after": f"{wait:g}"},
        "ms": {"retry-after-ms": f"{1000 * wait:.0f}"},
        "date": {"retry-after": formatdate(time.time() + wait, usegmt=True)},
        "none": {},
    }[options.retry_after_form]
    return build_error(429, "Rate limit reached.", "rate_limit_exceeded", headers)


def build_quota_error(options: Options) -> Response:
    """Return the 429 of a daily quota, which resets much later."""
    wait = {"retry-after": f"{options.quota_seconds:g}"}
    return build_error(429, "Rate limit reached for requests per day (RPD).", "rate_limit_exceeded", wait)


def build_no_funds_error() -> Response:
    """Return the 429 of an empty account, which no waiting helps."""
    return build_error(
        429, "You exceeded your current quota, please check your plan and billing.", "insufficient_quota"
    )


async def build_transport_fault(fault: str | None, options: Options) -> Response | None:
    """Return the response of a fault that does not depend on an answer; None for other faults."""
    if fault == "hang":
        await asyncio.sleep(HANG_SECONDS)
    builders = {
        "rate_limit": lambda: build_rate_limit_error(options),
        "server_error": lambda: build_error(500, "The server had an error.", "server_error"),
        "drop": lambda: BrokenResponse(b'{"id"', "application/json"),
        "html": lambda: HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", 200, HEADERS),
        "empty": lambda: Response(b"", 200, HEADERS, "application/json"),
        "no_choices": lambda: JSONResponse({"id": "x", "object": "chat.completion", "choices": None}, 200, HEADERS),
    }
    return builders[fault]() if fault in builders else None


class BrokenResponse(Response):
    """A response that breaks off: less is sent than its length announces, so that the server closes the connection."""

    def __init__(self, start: bytes, media_type: str) -> None:
        super().__init__(start, media_type=media_type)
        self.start = start

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        kind = (self.media_type or "").encode()
        headers = [(b"content-length", str(len(self.start) + 1000).encode()), (b"content-type", kind)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self.start, "more_body": True})
        await asyncio.sleep(0.02)
        raise ConnectionAbortedError("dropped on purpose")
