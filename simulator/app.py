"""The routes: chat completions, models, stats."""

import asyncio
import hashlib
import json
import random
import re
import time
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.options import FAULTS, Options
from simulator.tally import Tally, tokens
from simulator.weave import weave

_REASONING = re.compile(r"^(o[1-9]|gpt-[5-9])")
_HEADERS = {"x-simulated": "true"}
REASONING_TOKENS = 32


class Simulator:
    """State behind the routes; `options` may be replaced while it runs."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.tally = Tally()
        self.bodies: list[dict[str, Any]] = []
        self._chance = random.Random(options.seed)

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self.complete, methods=["POST"]),
                Route("/v1/models", self.models),
                Route("/stats", self.stats),
                Route("/stats/reset", self.reset, methods=["POST"]),
            ]
        )

    async def models(self, request: Request) -> Response:
        if (denied := self._denied(request)) is not None:
            return denied
        names = ["o3-mini", "gpt-4o", "gpt-4o-mini", "simulated"]
        return JSONResponse({"object": "list", "data": [{"id": name, "object": "model"} for name in names]})

    async def stats(self, _: Request) -> Response:
        return JSONResponse(self.tally.shown())

    async def reset(self, _: Request) -> Response:
        self.tally = Tally(in_flight=self.tally.in_flight)
        return JSONResponse({})

    async def complete(self, request: Request) -> Response:
        if (denied := self._denied(request)) is not None:
            return denied
        tally = self.tally
        tally.calls += 1
        tally.in_flight += 1
        tally.max_in_flight = max(tally.max_in_flight, tally.in_flight)
        try:
            await asyncio.sleep(self.options.latency)
            try:
                body = json.loads(await request.body())
                assert isinstance(body["messages"], list) and isinstance(body["model"], str)
            except (ValueError, KeyError, TypeError, AssertionError):
                return _error(400, "the body must be JSON with `model` and `messages`", "invalid_request_error")
            if self.options.record:
                self.bodies.append(body)
            reply = _unsupported(body) or self._answer(body, self._fault())
            if self.options.tokens_per_second:
                pace = self.options.tokens_per_second * random.Random(bytes(reply.body)).uniform(0.4, 1.2)
                await asyncio.sleep(len(reply.body) / 4 / pace)
            return reply
        finally:
            tally.in_flight -= 1

    def _denied(self, request: Request) -> Response | None:
        wanted = self.options.api_key
        if wanted is None or request.headers.get("authorization") == f"Bearer {wanted}":
            return None
        return _error(401, "Incorrect API key provided.", "invalid_api_key")

    def _fault(self) -> str | None:
        draw, reached = self._chance.random(), 0.0
        for name in FAULTS:
            reached += getattr(self.options, name)
            if draw < reached:
                self.tally.faults[name] += 1
                return name
        return None

    def _answer(self, body: dict[str, Any], fault: str | None) -> Response:
        if fault == "rate_limit":
            wait = f"{self.options.retry_after:g}"
            return _error(429, "Rate limit reached.", "rate_limit_exceeded", {"retry-after": wait})
        if fault == "server_error":
            return _error(500, "The server had an error.", "server_error")
        if fault == "drop":
            return Dropped()
        canonical = json.dumps(body, sort_keys=True)
        seed = hashlib.sha256(f"{self.options.seed}/{canonical}".encode()).hexdigest()
        prompt = "\n".join(str(message.get("content") or "") for message in body["messages"])
        asked = str(body["messages"][-1].get("content") or "")
        poisoned = self.options.poison is not None and re.search(self.options.poison, asked) is not None
        text = _text(body, asked, seed, self.options, short=1 if fault == "too_few" else 0)
        if poisoned:
            text = "Here you are: {[ oops"
        elif fault == "bad_json":
            text = text[: len(text) // 2] + '"}, {[ oops'
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        reasoning = REASONING_TOKENS if _REASONING.match(body["model"]) else 0
        room = max(1, limit - reasoning) if limit else None
        cut = room is not None and tokens(text) > room
        if room is not None and cut:
            text = text[: room * 4]
        refused = fault == "refusal"
        self._count(canonical, prompt, usage := self._usage(prompt, "" if refused else text, reasoning))
        message = {
            "role": "assistant",
            "content": None if refused else text,
            "refusal": "I cannot help." if refused else None,
        }
        reply = {
            "id": f"chatcmpl-{seed[:24]}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body["model"],
            "system_fingerprint": "quire-simulator",
            "choices": [{"index": 0, "message": message, "finish_reason": "length" if cut and not refused else "stop"}],
            "usage": usage,
        }
        return JSONResponse(reply, headers=_HEADERS)

    def _usage(self, prompt: str, text: str, reasoning: int) -> dict[str, Any]:
        spent = tokens(text) + reasoning
        return {
            "prompt_tokens": tokens(prompt),
            "completion_tokens": spent,
            "total_tokens": tokens(prompt) + spent,
            "prompt_tokens_details": {"cached_tokens": self.tally.cached(prompt)},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        }

    def _count(self, canonical: str, prompt: str, usage: dict[str, Any]) -> None:
        tally = self.tally
        tally.answered += 1
        tally.answered_prompts[hashlib.sha256(canonical.encode()).hexdigest()[:16]] += 1
        tally.prompt_tokens += usage["prompt_tokens"]
        tally.completion_tokens += usage["completion_tokens"]
        tally.cached_tokens += usage["prompt_tokens_details"]["cached_tokens"]


class Dropped(Response):
    """An answer that breaks off: the length promises more than is sent, so that the server closes the connection."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        await send({"type": "http.response.body", "body": b'{"id"', "more_body": True})
        raise ConnectionAbortedError("dropped, as asked")


def _text(body: dict[str, Any], asked: str, seed: str, options: Options, *, short: int) -> str:
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return json.dumps(weave(wanted["json_schema"]["schema"], asked, seed, options, short=short), ensure_ascii=False)
    if wanted.get("type") == "json_object":
        return json.dumps({"answer": f"simulated {seed[:8]}"})
    return f"Simulated answer {seed[:8]}."


def _unsupported(body: dict[str, Any]) -> Response | None:
    if body.get("stream"):
        return _error(400, "the simulator does not stream", "unsupported_value")
    if _REASONING.match(body["model"]):
        if "temperature" in body and body["temperature"] != 1:
            return _error(400, "'temperature' is not supported with this model.", "unsupported_value")
        if "max_tokens" in body:
            return _error(400, "Use 'max_completion_tokens' instead of 'max_tokens'.", "unsupported_parameter")
    return None


def _error(status: int, message: str, code: str, headers: dict[str, str] | None = None) -> Response:
    said = {"error": {"message": message, "type": code, "code": code, "param": None}}
    return JSONResponse(said, status_code=status, headers=_HEADERS | (headers or {}))
