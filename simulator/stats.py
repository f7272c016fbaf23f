"""What the simulator counts, for `/stats`."""

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

from simulator.rate_log import Log


def tokens(text: str) -> int:
    """Four characters a token, rounded up."""
    return -(-len(text) // 4)


@dataclass
class Tally:
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
    logs: defaultdict[str, Log] = field(default_factory=lambda: defaultdict(Log))
    """What came when, by model."""

    def shown(self) -> dict[str, Any]:
        """As JSON; `answered_prompts` counts how often each request body was answered with 200."""
        kept = {key: value for key, value in self.__dict__.items() if key not in ("recent", "logs")}
        seconds = {model: log.shown() for model, log in self.logs.items()}
        return kept | {
            "faults": dict(self.faults),
            "answered_prompts": dict(self.answered_prompts),
            "seconds": seconds,
        }

    def cached(self, prompt: str) -> int:
        """Tokens of the longest start that an earlier prompt had too, in steps of 128 and from 1,024, as at OpenAI."""
        longest = max((_common(prompt, earlier) for earlier in self.recent), default=0)
        self.recent.append(prompt)
        found = longest // 4 // 128 * 128
        return found if found >= 1024 else 0


def _common(one: str, other: str) -> int:
    """Length of the start that both have; by halves, since prompts are long."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low
