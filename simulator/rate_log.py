"""Logs of the calls of each model: for `/stats`, and to refuse calls above the limits per minute."""

import time
from collections import deque
from dataclasses import dataclass

MINUTE = 60.0
SHOWN_SECONDS = 600
"""Seconds that `/stats` lists."""


@dataclass
class LoggedCall:
    """A call: when it arrived, its tokens in and out, and whether it was refused."""

    at: float
    tokens: int = 0
    refused: bool = False


class CallLog:
    """The last calls of one model."""

    def __init__(self) -> None:
        self.calls: deque[LoggedCall] = deque(maxlen=100_000)

    def log_call(self, prompt: int, *, rpm: int | None, tpm: int | None) -> LoggedCall:
        """Log a call, refused if it exceeds the limits of the last minute; `prompt` is its prompt tokens."""
        call = LoggedCall(time.time())
        if rpm is not None or tpm is not None:
            accepted = [other for other in self.calls if other.at > call.at - MINUTE and not other.refused]
            over_rpm = rpm is not None and len(accepted) >= rpm
            over_tpm = tpm is not None and sum(other.tokens for other in accepted) + prompt > tpm
            call.refused = over_rpm or over_tpm
        self.calls.append(call)
        return call

    def count_per_second(self) -> list[list[int]]:
        """Return rows of second since 1970, calls that arrived in it, and their tokens; oldest first."""
        seconds: dict[int, list[int]] = {}
        for call in self.calls:
            second = seconds.setdefault(int(call.at), [0, 0])
            second[0] += 1
            second[1] += call.tokens
        return [[second, *counts] for second, counts in sorted(seconds.items())][-SHOWN_SECONDS:]

    def find_peak(self, span: float, after: float = 0.0) -> tuple[int, int]:
        """Return the most calls and the most tokens in any `span` seconds, from `after`, in seconds since 1970."""
        calls = tokens = start = span_tokens = 0
        log = [call for call in list(self.calls) if call.at >= after]
        for end, call in enumerate(log):
            span_tokens += call.tokens
            while log[start].at <= call.at - span:
                span_tokens -= log[start].tokens
                start += 1
            calls, tokens = max(calls, end - start + 1), max(tokens, span_tokens)
        return calls, tokens
