"""How the simulator behaves; every fault is a probability."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """Latency in seconds, faults as shares of calls from 0 to 1; one call has at most one fault."""

    seed: int = 0
    latency: float = 0.0
    tokens_per_second: float = 0.0
    """How fast an answer is written; 0 is at once."""
    rate_limit: float = 0.0
    retry_after: float = 1.0
    server_error: float = 0.0
    drop: float = 0.0
    bad_json: float = 0.0
    too_few: float = 0.0
    refusal: float = 0.0
    duplicates: float = 0.0
    """Share of items, not of calls, that are one of a few the same everywhere."""
    strictness: float = 0.0
    """Share of items that a judge finds not acceptable."""
    poison: str | None = None
    """A regular expression: a call whose prompt's last message has it gets broken JSON, always."""
    record: bool = False
    """Keep the bodies of all calls, for tests."""
    api_key: str | None = None


FAULTS = ("rate_limit", "server_error", "drop", "bad_json", "too_few", "refusal")
