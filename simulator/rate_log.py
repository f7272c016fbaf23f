"""What came when, of each model: for `/stats`, and to refuse what is above the limits of a minute."""

import time
from collections import deque
from dataclasses import dataclass

MINUTE = 60.0
REMEMBERED = 600
"""Seconds that `/stats` tells."""


@dataclass
class Came:
    """A call: when it came, the tokens that it took in and out, and whether it was refused."""

    at: float
    tokens: int = 0
    refused: bool = False


class Log:
    """The last calls of one model."""

    def __init__(self) -> None:
        self.calls: deque[Came] = deque(maxlen=100_000)

    def came(self, prompt: int, *, rpm: int | None, tpm: int | None) -> Came:
        """Count a call, which is refused where it does not fit into the last minute."""
        call = Came(time.time())
        if rpm is not None or tpm is not None:
            minute = [one for one in self.calls if one.at > call.at - MINUTE and not one.refused]
            full = rpm is not None and len(minute) >= rpm
            call.refused = full or (tpm is not None and sum(one.tokens for one in minute) + prompt > tpm)
        self.calls.append(call)
        return call

    def shown(self) -> list[list[int]]:
        """Second since 1970, calls that came in it, tokens that they took; oldest first."""
        seconds: dict[int, list[int]] = {}
        for call in self.calls:
            second = seconds.setdefault(int(call.at), [0, 0])
            second[0] += 1
            second[1] += call.tokens
        return [[second, *counts] for second, counts in sorted(seconds.items())][-REMEMBERED:]

    def most(self, span: float, after: float = 0.0) -> tuple[int, int]:
        """The most calls, and the most tokens, that any so many seconds had; `after` is seconds since 1970."""
        calls = tokens = start = held = 0
        found = [call for call in list(self.calls) if call.at >= after]
        for end, call in enumerate(found):
            held += call.tokens
            while found[start].at <= call.at - span:
                held -= found[start].tokens
                start += 1
            calls, tokens = max(calls, end - start + 1), max(tokens, held)
        return calls, tokens
