"""The HTTP client of an endpoint: OpenAI's own, over aiohttp, which takes half the event-loop time of its default."""

import functools
import ssl

import httpx2
from openai import AsyncOpenAI, DefaultAioHttpClient

IDLE = 5.0
"""Seconds that a connection is kept open for the next call."""
CONNECT = 10.0
"""Seconds until an endpoint must be reached."""


def open_client(address: str, key: str, seconds: float) -> AsyncOpenAI:
    """Return the client of an endpoint that may be silent for `seconds`. Its own retries are off: Temporal retries."""
    # aiohttp takes 0 connections as no limit; the throttle and the run bound the calls in flight
    limits = httpx2.Limits(max_connections=0, keepalive_expiry=IDLE)
    return AsyncOpenAI(
        base_url=address,
        api_key=key or "none",
        max_retries=0,
        timeout=httpx2.Timeout(seconds, connect=min(seconds, CONNECT)),
        http_client=DefaultAioHttpClient(verify=_trusted_authorities(), limits=limits),
    )


@functools.cache
def _trusted_authorities() -> ssl.SSLContext:
    """Return the trusted certificate authorities, read once per process."""
    return httpx2.create_ssl_context()
