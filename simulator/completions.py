"""What the model says: a reply to one body, with the faults that sit in its text."""

import json
import re
import time
from typing import Any

from simulator.options import Options
from simulator.schema_content import weave
from simulator.stats import tokens

REASONING = re.compile(r"^(o[1-9]|gpt-[5-9])")
REASONING_TOKENS = 32
_SCHEMA = re.compile(r"^\{.*\"properties\".*\}$", re.MULTILINE)
"""A JSON Schema on a line of its own, where the form of the answer is only said in the prompt."""


def answer(body: dict[str, Any], seed: str, options: Options, fault: str | None, *, cached: int) -> dict[str, Any]:
    """A chat completion for this body."""
    asked = str(body["messages"][-1].get("content") or "")
    text = _spoiled(_text(body, asked, seed, options, fault), asked, options, fault)
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    reasoning = REASONING_TOKENS if REASONING.match(body["model"]) else 0
    room = max(1, limit - reasoning) if limit else None
    early = fault == "cut_off" and room is not None  # without a limit there is nothing to be cut off at
    cut = early or (room is not None and tokens(text) > room)
    if early:
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
        "usage": _usage(prompt, "" if refusal else text, reasoning, cached),
    }


def _spoiled(text: str, asked: str, options: Options, fault: str | None) -> str:
    if options.poison is not None and re.search(options.poison, asked) is not None:
        return "Here you are: {[ oops"
    return text[: len(text) // 2] + '"}, {[ oops' if fault == "bad_json" else text


def _text(body: dict[str, Any], asked: str, seed: str, options: Options, fault: str | None) -> str:
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        schema = wanted["json_schema"]["schema"]
    else:
        prompt = "\n".join(str(message.get("content") or "") for message in body["messages"])
        found = _SCHEMA.search(prompt)
        if found is None:
            said = f"simulated {seed[:8]}"
            return (
                json.dumps({"answer": said}) if wanted.get("type") == "json_object" else f"Simulated answer {seed[:8]}."
            )
        schema = json.loads(found[0])
    woven = weave(schema, asked, seed, options, short=1 if fault == "too_few" else 0)
    for items in woven.values() if isinstance(woven, dict) else ():
        if isinstance(items, list) and items and isinstance(items[0], dict):
            _misplaced(items, fault)
    said = json.dumps(woven, ensure_ascii=False)
    return said if wanted else f"Here it is:\n```json\n{said}\n```"


def _misplaced(items: list[dict[str, Any]], fault: str | None) -> None:
    """Items that nobody asked for, or that say the wrong slot."""
    if fault == "too_many":
        items += [dict(items[-1]) | {"slot": items[-1].get("slot", 0) + step} for step in (0, 100_000)]
    elif fault == "wrong_slots":
        items[-1]["slot"] = items[-1].get("slot", 0) + 100_000


def _usage(prompt: str, text: str, reasoning: int, cached: int) -> dict[str, Any]:
    spent = tokens(text) + reasoning
    return {
        "prompt_tokens": tokens(prompt),
        "completion_tokens": spent,
        "total_tokens": tokens(prompt) + spent,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
