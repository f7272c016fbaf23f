"""The routes: chat completions, models, stats."""

import asyncio
import hashlib
import json
import random
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator import faults
from simulator.completions import REASONING, answer
from simulator.faults import HEADERS
from simulator.options import FAULTS, Options
from simulator.pseudo_embeddings import vector
from simulator.rate_log import Came
from simulator.stats import Tally, tokens
from simulator.stream import streamed


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
                Route("/v1/embeddings", self.embed, methods=["POST"]),
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

    async def embed(self, request: Request) -> Response:
        if (denied := self._denied(request) or self._spent()) is not None:
            return denied
        body = json.loads(await request.body())
        texts = [body["input"]] if isinstance(body["input"], str) else list(body["input"])
        self.tally.embedded += len(texts)
        spent = sum(tokens(text) for text in texts)
        came = self._came(body["model"], spent)
        if came.refused:
            return faults.rate_limited(self.options)
        came.tokens = spent
        rows = [
            {"object": "embedding", "index": index, "embedding": vector(text, body.get("dimensions") or 256)}
            for index, text in enumerate(texts)
        ]
        usage = {"prompt_tokens": spent, "total_tokens": spent}
        return JSONResponse({"object": "list", "data": rows, "model": body["model"], "usage": usage}, headers=HEADERS)

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
            return await self._served(request)
        finally:
            tally.in_flight -= 1

    async def _served(self, request: Request) -> Response:
        options = self.options
        try:
            body = json.loads(await request.body())
            assert isinstance(body["messages"], list) and isinstance(body["model"], str)
        except (ValueError, KeyError, TypeError, AssertionError):
            return faults.error(400, "the body must be JSON with `model` and `messages`", "invalid_request_error")
        if options.record:
            self.bodies.append(body)
        prompt = sum(len(str(message.get("content") or "")) for message in body["messages"]) // 4
        came = self._came(body["model"], prompt)
        if came.refused:
            return faults.rate_limited(options)
        fault = self._fault()
        if fault != "rate_limit":  # a limiter answers at once
            await asyncio.sleep(options.slow_seconds if fault == "slow" else options.latency)
        refused = _unsupported(body, options) or self._spent()
        if refused is not None:
            return refused
        if (none := await faults.transport(fault, options)) is not None:
            return none
        return await self._answered(body, fault, came)

    def _came(self, model: str, prompt: int) -> Came:
        return self.tally.logs[model].came(prompt, rpm=self.options.rpm, tpm=self.options.tpm)

    async def _answered(self, body: dict[str, Any], fault: str | None, came: Came) -> Response:
        options = self.options
        canonical = json.dumps(body, sort_keys=True)
        seed = hashlib.sha256(f"{options.seed}/{canonical}".encode()).hexdigest()
        prompt = "\n".join(str(message.get("content") or "") for message in body["messages"])
        reply = answer(body, seed, options, fault, cached=self.tally.cached(prompt))
        came.tokens = reply["usage"]["total_tokens"]
        cut = fault == "stream_cut"
        self._count(canonical, reply["usage"], whole=not cut)
        if body.get("stream"):
            return streamed(reply, rate=options.tokens_per_second, cut=cut)
        written = json.dumps(reply).encode()
        if options.tokens_per_second:
            pace = options.tokens_per_second * random.Random(written).uniform(0.4, 1.2)
            await asyncio.sleep(tokens(reply["choices"][0]["message"]["content"] or "") / pace)
        return (
            faults.Broken(written[: len(written) // 2], "application/json")
            if cut
            else JSONResponse(reply, headers=HEADERS)
        )

    def _denied(self, request: Request) -> Response | None:
        wanted = self.options.api_key
        if wanted is None or request.headers.get("authorization") == f"Bearer {wanted}":
            return None
        return faults.error(401, "Incorrect API key provided.", "invalid_api_key")

    def _spent(self) -> Response | None:
        options = self.options
        if options.funds is not None and self.tally.answered >= options.funds:
            return faults.no_funds()
        if options.quota is not None and self.tally.answered >= options.quota:
            return faults.spent(options)
        return None

    def _fault(self) -> str | None:
        draw, reached = self._chance.random(), 0.0
        for name in FAULTS:
            reached += getattr(self.options, name)
            if draw < reached:
                self.tally.faults[name] += 1
                return name
        return None

    def _count(self, canonical: str, usage: dict[str, Any], *, whole: bool) -> None:
        tally = self.tally
        if whole:
            tally.answered += 1
            tally.answered_prompts[hashlib.sha256(canonical.encode()).hexdigest()[:16]] += 1
        tally.prompt_tokens += usage["prompt_tokens"]
        tally.completion_tokens += usage["completion_tokens"] if whole else usage["completion_tokens"] // 2
        tally.cached_tokens += usage["prompt_tokens_details"]["cached_tokens"]


def _unsupported(body: dict[str, Any], options: Options) -> Response | None:
    form = (body.get("response_format") or {"type": "text"}).get("type")
    if form not in options.forms:
        return faults.error(
            400, f"response_format {form} is not supported", "unsupported_value", param="response_format"
        )
    prompt = sum(len(str(message.get("content") or "")) for message in body["messages"]) // 4
    if options.context_window is not None and prompt > options.context_window:
        said = f"This model's maximum context length is {options.context_window} tokens."
        return faults.error(400, said, "context_length_exceeded", param="messages")
    if REASONING.match(body["model"]):
        if "temperature" in body and body["temperature"] != 1:
            return faults.error(400, "'temperature' is not supported with this model.", "unsupported_value")
        if "max_tokens" in body:
            return faults.error(400, "Use 'max_completion_tokens' instead of 'max_tokens'.", "unsupported_parameter")
    return None
