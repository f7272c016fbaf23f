"""Chat completions: the reply to one request body, with the faults that are in its text."""

import json
import re
import time
from typing import Any

from simulator.options import Options
from simulator.schema_content import generate_answer
from simulator.stats import count_tokens

REASONING = re.compile(r"^(o[1-9]|gpt-[5-9])")
REASONING_TOKENS = 32
_SCHEMA = re.compile(r"^\{.*\"properties\".*\}$", re.MULTILINE)
"""A JSON Schema on a line of its own, used if only the prompt describes the format of the answer."""


def build_completion(
    body: dict[str, Any], seed: str, options: Options, fault: str | None, *, cached: int
) -> dict[str, Any]:
    """Return a chat completion for a request body."""
    last_message = str(body["messages"][-1].get("content") or "")
    text = _spoil_text(_write_text(body, last_message, seed, options, fault), last_message, options, fault)
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    reasoning = REASONING_TOKENS if REASONING.match(body["model"]) else 0
    room = max(1, limit - reasoning) if limit else None
    cut_early = fault == "cut_off" and room is not None  # without a limit there is nothing to cut off
    cut = cut_early or (room is not None and count_tokens(text) > room)
    if cut_early:
        text = text[: int(len(text) * (0.3 + int(seed[:4], 16) / 65536 * 0.6))]
    if room is not None:
        text = text[: room * 4]
    refusal = fault == "refusal"
    finish = "length" if cut else "stop"
    if fault == "content_filter":
        text, finish = "", "content_filter"
    message = {
        "role": "assistant",
        "content": None if refusal else text,
        "refusal": "I cannot help." if refusal else None,
    }
    prompt = "\n".join(str(message.get("content") or "") for message in body["messages"])
    return {
        "id": f"chatcmpl-{seed[:24]}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body["model"],
        "system_fingerprint": "quire-simulator",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": _count_usage(prompt, "" if refusal else text, reasoning, cached),
    }


def _spoil_text(text: str, last_message: str, options: Options, fault: str | None) -> str:
    if options.poison is not None and re.search(options.poison, last_message) is not None:
        return "Here you are: {[ oops"
    return text[: len(text) // 2] + '"}, {[ oops' if fault == "bad_json" else text


def _write_text(body: dict[str, Any], last_message: str, seed: str, options: Options, fault: str | None) -> str:
    response_format = body.get("response_format") or {}
    if response_format.get("type") == "json_schema":
        schema = response_format["json_schema"]["schema"]
    else:
        prompt = "\n".join(str(message.get("content") or "") for message in body["messages"])
        match = _SCHEMA.search(prompt)
        if match is None:
            if response_format.get("type") == "json_object":
                return json.dumps({"answer": f"simulated {seed[:8]}"})
            return f"Simulated answer {seed[:8]}."
        schema = json.loads(match[0])
    content = generate_answer(schema, last_message, seed, options, short=1 if fault == "too_few" else 0)
    for items in content.values() if isinstance(content, dict) else ():
        if isinstance(items, list) and items and isinstance(items[0], dict):
            _misplace_items(items, fault)
    text = json.dumps(content, ensure_ascii=False)
    return text if response_format else f"Here it is:\n```json\n{text}\n```"


def _misplace_items(items: list[dict[str, Any]], fault: str | None) -> None:
    """Add items that were not requested, or change an item's slot, if the fault is one of those."""
    if fault == "too_many":
        items += [dict(items[-1]) | {"slot": items[-1].get("slot", 0) + step} for step in (0, 100_000)]
    elif fault == "wrong_slots":
        items[-1]["slot"] = items[-1].get("slot", 0) + 100_000


def _count_usage(prompt: str, text: str, reasoning: int, cached: int) -> dict[str, Any]:
    completion_tokens = count_tokens(text) + reasoning
    return {
        "prompt_tokens": count_tokens(prompt),
        "completion_tokens": completion_tokens,
        "total_tokens": count_tokens(prompt) + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
