"""One HTTP call: a whole answer, or one that is read piece by piece."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
from openai import APIConnectionError, AsyncOpenAI

from activities.model.http_client import Client
from activities.model.http_errors import UnusableAnswer
from activities.store.answers import Answer, usage_from
from quire.answer_items import Scanner

SIMULATED = "quire-simulator"
Heard = Callable[[Answer, int], Awaitable[None]]
"""Told of a streamed answer so far, and how many items of it are complete."""


async def whole(client: Client, body: dict[str, Any]) -> Answer:
    """A call answered in one piece. Raises the client's errors, and UnusableAnswer for a 200 that is no answer."""
    return _answer(await client.completion(body), body)


async def streamed(client: AsyncOpenAI, body: dict[str, Any], heard: Heard) -> Answer:
    """A call answered in pieces. Where the stream dies after a complete item, what came is the answer, marked as
    interrupted; before that, the error is raised as ever."""
    said: dict[str, Any] = body | {"stream": True, "stream_options": {"include_usage": True}}
    partial = Partial(body)
    try:
        async with client.chat.completions.with_streaming_response.create(**said) as response:
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                return _answer(await response.read(), body)  # a server that does not stream
            async for line in response.iter_lines():
                if partial.take(line):
                    await heard(partial.interrupted(), partial.items)
    except (APIConnectionError, httpx2.HTTPError, TimeoutError) as error:
        if not partial.items:
            raise error if isinstance(error, APIConnectionError | TimeoutError) else _no_answer(error) from error
        return partial.interrupted()
    if not partial.ended and partial.items:
        return partial.interrupted()
    return partial.answer()


def _no_answer(error: httpx2.HTTPError) -> APIConnectionError:
    request = httpx2.Request("POST", "http://endpoint")
    return APIConnectionError(message=str(error) or "the stream died", request=request)


class Partial:
    """A streamed answer that grows."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.scanner = Scanner()
        self.refusal = ""
        self.finish = ""
        self.usage: dict[str, Any] | None = None
        self.model = str(body["model"])
        self.simulated = False

    @property
    def items(self) -> int:
        """Complete items so far."""
        return self.scanner.complete

    @property
    def ended(self) -> bool:
        """Whether the endpoint said that this was all."""
        return bool(self.finish)

    def take(self, line: str) -> bool:
        """One line of the event stream; whether it completed an item."""
        data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
        if not data or data == "[DONE]":
            return False
        try:
            chunk = json.loads(data)
        except ValueError:
            raise UnusableAnswer("the endpoint streamed something that is not JSON") from None
        if "error" in chunk:
            raise UnusableAnswer(f"the endpoint broke off with: {str(chunk['error'])[:200]}")
        self.usage = chunk.get("usage") or self.usage
        self.model = chunk.get("model") or self.model
        self.simulated = self.simulated or chunk.get("system_fingerprint") == SIMULATED
        choices = chunk.get("choices") or []
        if not choices:
            return False
        delta = choices[0].get("delta") or {}
        self.finish = choices[0].get("finish_reason") or self.finish
        self.refusal += delta.get("refusal") or ""
        return self.scanner.feed(delta.get("content") or "")

    def answer(self) -> Answer:
        """The whole answer."""
        if not self.finish and not self.scanner.text:
            raise UnusableAnswer("the endpoint's stream held no answer")
        estimated = self.usage is None
        usage = self._estimate() if estimated else usage_from(self.usage)
        refusal = self.refusal or None
        return Answer(self.scanner.text, self.finish, refusal, usage, self.model, self.simulated, estimated)

    def interrupted(self) -> Answer:
        """What there is, as the answer of a stream that died here."""
        return Answer(self.scanner.text, "interrupted", None, self._estimate(), self.model, self.simulated, True)

    def _estimate(self) -> dict[str, int]:
        prompt = sum(len(message["content"]) for message in self.body["messages"]) // 4
        return usage_from({"prompt_tokens": prompt, "completion_tokens": -(-len(self.scanner.text) // 4)})


def _answer(data: bytes, body: dict[str, Any]) -> Answer:
    try:
        said: Any = json.loads(data)
    except ValueError:
        raise UnusableAnswer("the endpoint answered 200 with a body that is not JSON") from None
    choices: list[Any] = said.get("choices") or [] if isinstance(said, dict) else []
    message: dict[str, Any] | None = choices[0].get("message") if choices else None
    if message is None:
        raise UnusableAnswer("the endpoint answered 200 without a choice; is the base URL that of an OpenAI API?")
    return Answer(
        text=message.get("content") or "",
        finish_reason=choices[0].get("finish_reason") or "",
        refusal=message.get("refusal"),
        usage=usage_from(said.get("usage")),
        model=said.get("model") or body["model"],
        simulated=said.get("system_fingerprint") == SIMULATED,
    )
