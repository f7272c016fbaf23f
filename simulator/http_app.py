"""The HTTP routes: chat completions, embeddings, models, stats."""

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
from simulator.completions import REASONING, build_completion
from simulator.faults import HEADERS
from simulator.options import FAULTS, Options
from simulator.pseudo_embeddings import embed_text
from simulator.rate_log import LoggedCall
from simulator.stats import CallStats, count_tokens
from simulator.stream import stream_reply


class Simulator:
    """The state behind the routes; `options` may be replaced while it runs."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.stats = CallStats()
        self.bodies: list[dict[str, Any]] = []
        self._random = random.Random(options.seed)

    def build_app(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self.complete, methods=["POST"]),
                Route("/v1/embeddings", self.embed, methods=["POST"]),
                Route("/v1/models", self.list_models),
                Route("/stats", self.show_stats),
                Route("/stats/reset", self.reset_stats, methods=["POST"]),
            ]
        )

    async def list_models(self, request: Request) -> Response:
        """Answer `GET /v1/models`."""
        if (rejection := self._check_key(request)) is not None:
            return rejection
        names = ["o3-mini", "gpt-4o", "gpt-4o-mini", "simulated"]
        return JSONResponse({"object": "list", "data": [{"id": name, "object": "model"} for name in names]})

    async def embed(self, request: Request) -> Response:
        """Answer `POST /v1/embeddings`."""
        if (rejection := self._check_key(request) or self._check_funds()) is not None:
            return rejection
        body = json.loads(await request.body())
        texts = [body["input"]] if isinstance(body["input"], str) else list(body["input"])
        self.stats.embedded += len(texts)
        tokens = sum(count_tokens(text) for text in texts)
        call = self._log_call(body["model"], tokens)
        if call.refused:
            return faults.build_rate_limit_error(self.options)
        call.tokens = tokens
        rows = [
            {"object": "embedding", "index": index, "embedding": embed_text(text, body.get("dimensions") or 256)}
            for index, text in enumerate(texts)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return JSONResponse({"object": "list", "data": rows, "model": body["model"], "usage": usage}, headers=HEADERS)

    async def show_stats(self, _: Request) -> Response:
        """Answer `GET /stats`."""
        return JSONResponse(self.stats.to_json())

    async def reset_stats(self, _: Request) -> Response:
        """Answer `POST /stats/reset`; calls in flight are still counted."""
        self.stats = CallStats(in_flight=self.stats.in_flight)
        return JSONResponse({})

    async def complete(self, request: Request) -> Response:
        """Answer `POST /v1/chat/completions`."""
        if (rejection := self._check_key(request)) is not None:
            return rejection
        stats = self.stats
        stats.calls += 1
        stats.in_flight += 1
        stats.max_in_flight = max(stats.max_in_flight, stats.in_flight)
        try:
            return await self._serve(request)
        finally:
            stats.in_flight -= 1

    async def _serve(self, request: Request) -> Response:
        options = self.options
        try:
            body = json.loads(await request.body())
            assert isinstance(body["messages"], list) and isinstance(body["model"], str)
        except (ValueError, KeyError, TypeError, AssertionError):
            return faults.build_error(400, "the body must be JSON with `model` and `messages`", "invalid_request_error")
        if options.record:
            self.bodies.append(body)
        prompt = sum(len(str(message.get("content") or "")) for message in body["messages"]) // 4
        call = self._log_call(body["model"], prompt)
        if call.refused:
            return faults.build_rate_limit_error(options)
        fault = self._draw_fault()
        if fault != "rate_limit":  # a rate limiter answers at once
            await asyncio.sleep(options.slow_seconds if fault == "slow" else options.latency)
        error = (
            _check_supported(body, options) or self._check_funds() or await faults.build_transport_fault(fault, options)
        )
        if error is not None:
            return error
        return await self._answer(body, fault, call)

    def _log_call(self, model: str, prompt: int) -> LoggedCall:
        return self.stats.logs[model].log_call(prompt, rpm=self.options.rpm, tpm=self.options.tpm)

    async def _answer(self, body: dict[str, Any], fault: str | None, call: LoggedCall) -> Response:
        options = self.options
        canonical = json.dumps(body, sort_keys=True)
        seed = hashlib.sha256(f"{options.seed}/{canonical}".encode()).hexdigest()
        prompt = "\n".join(str(message.get("content") or "") for message in body["messages"])
        reply = build_completion(body, seed, options, fault, cached=self.stats.count_cached_tokens(prompt))
        call.tokens = reply["usage"]["total_tokens"]
        cut = fault == "stream_cut"
        self._count_answer(canonical, reply["usage"], complete=not cut)
        if body.get("stream"):
            return stream_reply(reply, rate=options.tokens_per_second, cut=cut)
        data = json.dumps(reply).encode()
        if options.tokens_per_second:
            speed = options.tokens_per_second * random.Random(data).uniform(0.4, 1.2)
            await asyncio.sleep(count_tokens(reply["choices"][0]["message"]["content"] or "") / speed)
        return (
            faults.BrokenResponse(data[: len(data) // 2], "application/json")
            if cut
            else JSONResponse(reply, headers=HEADERS)
        )

    def _check_key(self, request: Request) -> Response | None:
        key = self.options.api_key
        if key is None or request.headers.get("authorization") == f"Bearer {key}":
            return None
        return faults.build_error(401, "Incorrect API key provided.", "invalid_api_key")

    def _check_funds(self) -> Response | None:
        options = self.options
        if options.funds is not None and self.stats.answered >= options.funds:
            return faults.build_no_funds_error()
        if options.quota is not None and self.stats.answered >= options.quota:
            return faults.build_quota_error(options)
        return None

    def _draw_fault(self) -> str | None:
        draw, threshold = self._random.random(), 0.0
        for name in FAULTS:
            threshold += getattr(self.options, name)
            if draw < threshold:
                self.stats.faults[name] += 1
                return name
        return None

    def _count_answer(self, canonical: str, usage: dict[str, Any], *, complete: bool) -> None:
        stats = self.stats
        if complete:
            stats.answered += 1
            stats.answered_prompts[hashlib.sha256(canonical.encode()).hexdigest()[:16]] += 1
        stats.prompt_tokens += usage["prompt_tokens"]
        stats.completion_tokens += usage["completion_tokens"] if complete else usage["completion_tokens"] // 2
        stats.cached_tokens += usage["prompt_tokens_details"]["cached_tokens"]


def _check_supported(body: dict[str, Any], options: Options) -> Response | None:
    format_ = (body.get("response_format") or {"type": "text"}).get("type")
    if format_ not in options.forms:
        return faults.build_error(
            400, f"response_format {format_} is not supported", "unsupported_value", param="response_format"
        )
    prompt = sum(len(str(message.get("content") or "")) for message in body["messages"]) // 4
    if options.context_window is not None and prompt > options.context_window:
        message = f"This model's maximum context length is {options.context_window} tokens."
        return faults.build_error(400, message, "context_length_exceeded", param="messages")
    if REASONING.match(body["model"]):
        if "temperature" in body and body["temperature"] != 1:
            return faults.build_error(400, "'temperature' is not supported with this model.", "unsupported_value")
        if "max_tokens" in body:
            return faults.build_error(
                400, "Use 'max_completion_tokens' instead of 'max_tokens'.", "unsupported_parameter"
            )
    return None
