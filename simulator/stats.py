"""The counts that `/stats` returns."""

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

from simulator.rate_log import CallLog


def count_tokens(text: str) -> int:
    """Return the tokens of a text: four characters each, rounded up."""
    return -(-len(text) // 4)


@dataclass
class CallStats:
    """Counts since the start or the last reset."""

    calls: int = 0
    answered: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    embedded: int = 0
    in_flight: int = 0
    max_in_flight: int = 0
    faults: Counter[str] = field(default_factory=Counter[str])
    answered_prompts: Counter[str] = field(default_factory=Counter[str])
    recent: deque[str] = field(default_factory=lambda: deque[str](maxlen=64))
    logs: defaultdict[str, CallLog] = field(default_factory=lambda: defaultdict(CallLog))
    """The calls of each model."""

    def to_json(self) -> dict[str, Any]:
        """Return the counts as JSON; `answered_prompts` counts how often each request body was answered with 200."""
        counts = {key: value for key, value in self.__dict__.items() if key not in ("recent", "logs")}
        seconds = {model: log.count_per_second() for model, log in self.logs.items()}
        return counts | {
            "faults": dict(self.faults),
            "answered_prompts": dict(self.answered_prompts),
            "seconds": seconds,
        }

    def count_cached_tokens(self, prompt: str) -> int:
        """Return the tokens of the longest prefix of a recent prompt: from 1,024, in steps of 128, as at OpenAI."""
        longest = max((_count_common_prefix(prompt, earlier) for earlier in self.recent), default=0)
        self.recent.append(prompt)
        cached = longest // 4 // 128 * 128
        return cached if cached >= 1024 else 0


def _count_common_prefix(first: str, second: str) -> int:
    """Return the length of the common prefix, by bisection, since prompts are long."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if first[:middle] == second[:middle] else (low, middle - 1)
    return low
