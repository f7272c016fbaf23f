"""OpenAI's client, whose plain calls go over aiohttp itself: its own way, through httpx2, takes 0.8 ms of the worker's
one thread for a call, and this one 0.3 (docs/performance.md). What is sent and what is raised are the client's."""

import functools
import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.request import getproxies

import httpx2
from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from multidict import CIMultiDict
from openai import APIConnectionError, APITimeoutError, AsyncOpenAI, DefaultAioHttpClient

IDLE = 5.0
"""Seconds that a connection is kept for the next call, as with the client's own."""
CONNECT = 10.0
"""Seconds until an endpoint must be reached."""


class Client(AsyncOpenAI):
    """A client whose own retries are off: Temporal owns them."""

    _session: ClientSession | None = None
    _url = ""

    @classmethod
    def of(cls, address: str, key: str, seconds: float) -> "Client":
        """The client of an endpoint, which may be silent for so many seconds."""
        timeout = httpx2.Timeout(seconds, connect=min(seconds, CONNECT))
        http = DefaultAioHttpClient(verify=_trusted())
        return cls(base_url=address, api_key=key or "none", max_retries=0, timeout=timeout, http_client=http)

    async def completion(self, body: Mapping[str, Any]) -> bytes:
        """A chat completion's answer as it came. Raises APIStatusError and APIConnectionError like any call of it."""
        if self._session is None:
            self._session, self._url = self._opened(), f"{str(self.base_url).rstrip('/')}/chat/completions"
        session, url = self._session, self._url
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        try:
            async with session.post(url, data=data) as answer:
                said = await answer.read()
        except TimeoutError as error:
            raise APITimeoutError(request=httpx2.Request("POST", url)) from error
        except ClientError as error:
            raise APIConnectionError(request=httpx2.Request("POST", url)) from error
        if answer.status >= 400:
            headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-encoding"}
            request = httpx2.Request("POST", url)
            failed = httpx2.Response(answer.status, headers=headers, content=said, request=request)
            raise self._make_status_error_from_response(failed)
        return said

    def _opened(self) -> ClientSession:
        assert isinstance(self.timeout, httpx2.Timeout)
        headers = CIMultiDict({"Authorization": f"Bearer {self.api_key}"})
        headers.update({name: value for name, value in self.default_headers.items() if isinstance(value, str)})
        return ClientSession(
            # no limit of its own: the run and the throttle bound the calls
            connector=TCPConnector(limit=0, keepalive_timeout=IDLE, ssl=_trusted()),
            headers=headers,
            timeout=ClientTimeout(sock_connect=self.timeout.connect, sock_read=self.timeout.read),
            trust_env=bool(getproxies()),  # looked up at each call: only where there is one
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        await super().close()


@functools.cache
def _trusted() -> ssl.SSLContext:
    """The authorities that are trusted, read once in a process."""
    return httpx2.create_ssl_context()
