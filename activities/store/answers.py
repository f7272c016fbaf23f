"""One answer of a model, as kept in the store."""

import json
from dataclasses import dataclass
from typing import Any

CUT = ("length", "interrupted")
"""Finish reasons of an answer that ended before its end: at the output limit, or because the stream died."""


@dataclass(frozen=True)
class Answer:
    """What came back. `usage` is the endpoint's own count, or an estimate where it never said."""

    text: str
    finish_reason: str
    refusal: str | None
    usage: dict[str, int]
    model: str
    simulated: bool
    estimated: bool = False
    """The stream died before the endpoint told its count: four characters a token."""
    reused: bool = False
    """An earlier run paid for it."""

    @property
    def cut(self) -> bool:
        """Whether the text may end in the middle of an item."""
        return self.finish_reason in CUT

    def dump(self) -> bytes:
        """As a file."""
        return json.dumps(self.__dict__, ensure_ascii=False).encode()

    @staticmethod
    def load(data: bytes) -> "Answer":
        """From a file."""
        return Answer(**json.loads(data))


def usage_from(said: dict[str, Any] | None) -> dict[str, int]:
    """Token counts of a completion's `usage`; 0 where one is not told."""
    said = said or {}
    return {
        "prompt_tokens": said.get("prompt_tokens") or 0,
        "cached_tokens": (said.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
        "completion_tokens": said.get("completion_tokens") or 0,
        "reasoning_tokens": (said.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0,
    }
