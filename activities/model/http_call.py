"""The HTTP call of one chat completion: a whole answer, or one that is streamed."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

import httpx2
from openai import APIConnectionError, AsyncOpenAI

from activities.known_secrets import current_redactor, redact_text
from activities.model.http_errors import UnusableAnswer
from activities.store.answers import Answer, parse_usage
from quire.answer_items import ItemScanner

SIMULATOR_FINGERPRINT = "quire-simulator"
OnChunk = Callable[[Answer, int], Awaitable[None]]
"""Receives a streamed answer so far and the number of its complete items."""


async def fetch_answer(client: AsyncOpenAI, body: dict[str, Any]) -> Answer:
    """Make a call that is answered in one piece. Raises the client's errors, and UnusableAnswer for a 200 that is not a
    chat completion."""
    # as bytes: the client would build a model of every part of the answer, of which we need five fields
    response = await client.post("/chat/completions", body=body, cast_to=httpx2.Response)
    return _parse_completion(current_redactor().redact_bytes(response.content), body)


async def stream_answer(client: AsyncOpenAI, body: dict[str, Any], on_chunk: OnChunk) -> Answer:
    """Make a call whose answer is streamed; `on_chunk` is called with each complete item.

    If the stream breaks after a complete item, return what there is, marked as interrupted. If it breaks earlier, raise
    the client's error.
    """
    streaming_body: dict[str, Any] = body | {"stream": True, "stream_options": {"include_usage": True}}
    partial = PartialAnswer(body)
    try:
        async with client.chat.completions.with_streaming_response.create(**streaming_body) as response:
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                data = await response.read()  # a server that does not stream
                return _parse_completion(current_redactor().redact_bytes(data), body)
            async for line in response.iter_lines():
                if partial.add_line(redact_text(line)):
                    await on_chunk(partial.to_interrupted_answer(), partial.items)
    except (APIConnectionError, httpx2.HTTPError, TimeoutError) as error:
        if partial.items:
            return partial.to_interrupted_answer()
        if isinstance(error, httpx2.HTTPError):  # the client maps these before the response, not in its stream
            request = httpx2.Request("POST", "http://endpoint")
            raise APIConnectionError(message=str(error) or "the stream broke", request=request) from error
        raise
    if not partial.is_finished and partial.items:
        return partial.to_interrupted_answer()
    return partial.to_answer()


class PartialAnswer:
    """A streamed answer that is still growing."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.scanner = ItemScanner()
        self.refusal = ""
        self.finish_reason = ""
        self.usage: dict[str, Any] | None = None
        self.model = str(body["model"])
        self.simulated = False

    @property
    def items(self) -> int:
        """Complete items so far."""
        return self.scanner.complete

    @property
    def is_finished(self) -> bool:
        """True once the endpoint has given a finish reason."""
        return bool(self.finish_reason)

    def add_line(self, line: str) -> bool:
        """Add one line of the event stream; return True if it completed an item. Raises UnusableAnswer."""
        data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
        if not data or data == "[DONE]":
            return False
        try:
            chunk: Any = json.loads(data)
        except (ValueError, RecursionError):
            raise UnusableAnswer("the endpoint streamed something that is not JSON") from None
        if not isinstance(chunk, dict):
            raise UnusableAnswer("the endpoint streamed something that is not a chat completion")
        return self._add_chunk(cast(dict[str, Any], chunk))

    def _add_chunk(self, chunk: dict[str, Any]) -> bool:
        if "error" in chunk:
            raise UnusableAnswer(f"the endpoint ended the stream with an error: {str(chunk['error'])[:200]}")
        self.usage = chunk.get("usage") or self.usage
        self.model = read_text(chunk.get("model")) or self.model
        self.simulated = self.simulated or chunk.get("system_fingerprint") == SIMULATOR_FINGERPRINT
        choice = _first_choice(chunk)
        if choice is None:
            return False
        delta = _as_object(choice.get("delta"))
        self.finish_reason = read_text(choice.get("finish_reason")) or self.finish_reason
        self.refusal += read_text(delta.get("refusal"))
        return self.scanner.feed(read_text(delta.get("content")))

    def to_answer(self) -> Answer:
        """Return the finished answer. Raises UnusableAnswer if the stream held none."""
        if not self.finish_reason and not self.scanner.text:
            raise UnusableAnswer("the endpoint's stream held no answer")
        estimated = self.usage is None
        usage = self._estimate_usage() if estimated else parse_usage(self.usage)
        refusal = self.refusal or None
        return Answer(self.scanner.text, self.finish_reason, refusal, usage, self.model, self.simulated, estimated)

    def to_interrupted_answer(self) -> Answer:
        """Return what there is so far, as the answer of a stream that broke here; its usage is an estimate."""
        usage = self._estimate_usage()
        return Answer(self.scanner.text, "interrupted", None, usage, self.model, self.simulated, estimated=True)

    def _estimate_usage(self) -> dict[str, int]:
        prompt = sum(len(message["content"]) for message in self.body["messages"]) // 4
        return parse_usage({"prompt_tokens": prompt, "completion_tokens": -(-len(self.scanner.text) // 4)})


def _parse_completion(data: bytes, body: dict[str, Any]) -> Answer:
    try:
        completion: Any = json.loads(data)
    except (ValueError, RecursionError):
        raise UnusableAnswer("the endpoint answered 200 with a body that is not JSON") from None
    completion = _as_object(completion)
    choice = _first_choice(completion) or {}
    message = choice.get("message")
    if not isinstance(message, dict):
        raise UnusableAnswer("the endpoint answered 200 without a choice; is the base URL that of an OpenAI API?")
    message = _as_object(cast(object, message))
    return Answer(
        text=read_text(message.get("content")),
        finish_reason=read_text(choice.get("finish_reason")),
        refusal=read_text(message.get("refusal")) or None,
        usage=parse_usage(completion.get("usage")),
        model=read_text(completion.get("model")) or body["model"],
        simulated=completion.get("system_fingerprint") == SIMULATOR_FINGERPRINT,
    )


def _as_object(value: object) -> dict[str, Any]:
    """Return a JSON object as it is, and anything else that an endpoint may put in its place as an empty one."""
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _first_choice(completion: dict[str, Any]) -> dict[str, Any] | None:
    choices: object = completion.get("choices")
    first = cast(list[object], choices)[0] if isinstance(choices, list) and choices else None
    return cast(dict[str, Any], first) if isinstance(first, dict) else None


def read_text(value: object) -> str:
    """Return the text of a field: a string, or a list of parts that have a `text`; empty for anything else."""
    if isinstance(value, list):
        return "".join(read_text(_as_object(part).get("text")) for part in cast(list[object], value))
    return value if isinstance(value, str) else ""
