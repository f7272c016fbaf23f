"""How the simulator behaves; every fault is a probability."""

from dataclasses import dataclass
from typing import Literal

Form = Literal["json_schema", "json_object", "text"]


@dataclass(frozen=True)
class Options:
    """Latency in seconds, faults as shares of calls from 0 to 1; one call has at most one fault."""

    seed: int = 0
    latency: float = 0.0
    tokens_per_second: float = 0.0
    """How fast an answer is written; 0 is at once."""
    rate_limit: float = 0.0
    retry_after: float = 1.0
    retry_after_form: Literal["seconds", "ms", "date", "none"] = "seconds"
    server_error: float = 0.0
    drop: float = 0.0
    hang: float = 0.0
    bad_json: float = 0.0
    cut_off: float = 0.0
    too_few: float = 0.0
    too_many: float = 0.0
    wrong_slots: float = 0.0
    refusal: float = 0.0
    content_filter: float = 0.0
    html: float = 0.0
    empty: float = 0.0
    no_choices: float = 0.0
    stream_cut: float = 0.0
    slow: float = 0.0
    slow_seconds: float = 10.0
    duplicates: float = 0.0
    """Share of items, not of calls, that are one of a few the same everywhere."""
    twist: Literal["none", "numbers", "word", "order"] = "none"
    """What differs between those that repeat: nothing, their numbers, a word in each text, the order of the words."""
    strictness: float = 0.0
    """Share of items that a judge finds not acceptable."""
    poison: str | None = None
    """A regular expression: a call whose prompt's last message has it gets broken JSON, always."""
    forms: tuple[Form, ...] = ("json_schema", "json_object", "text")
    """Forms of structured output that it knows; any other is refused with 400."""
    context_window: int | None = None
    """Tokens of prompt and answer together."""
    funds: int | None = None
    """Calls that are answered before the account is empty."""
    quota: int | None = None
    """Calls that are answered before the day's quota is spent."""
    rpm: int | None = None
    """Calls of a model in any minute; those above it are refused."""
    tpm: int | None = None
    """Tokens of a model in any minute, in and out."""
    quota_seconds: float = 3600.0
    """When a spent quota says that it resets."""
    record: bool = False
    """Keep the bodies of all calls, for tests."""
    api_key: str | None = None


FAULTS = (
    "rate_limit", "server_error", "drop", "bad_json", "too_few", "refusal", "hang", "cut_off", "too_many",
    "wrong_slots", "content_filter", "html", "empty", "no_choices", "stream_cut", "slow",
)  # fmt: skip
"""What `Options` has a share for, in the order in which a draw picks them."""
