"""The simulator's options; every fault is a probability."""

from dataclasses import dataclass
from typing import Literal

ResponseFormat = Literal["json_schema", "json_object", "text"]


@dataclass(frozen=True)
class Options:
    """The simulator's behaviour. Times are seconds, faults are shares of calls from 0 to 1; a call has one at most."""

    seed: int = 0
    latency: float = 0.0
    tokens_per_second: float = 0.0
    """Speed at which an answer is written; 0 sends it at once."""
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
    """Share of items, not of calls, that repeat one of a few items."""
    twist: Literal["none", "numbers", "word", "order"] = "none"
    """What differs between repeated items: nothing, their numbers, a word in each text, the order of the words."""
    strictness: float = 0.0
    """Share of items that a reviewing model rejects."""
    poison: str | None = None
    """A regular expression: calls whose last message matches always get broken JSON."""
    forms: tuple[ResponseFormat, ...] = ("json_schema", "json_object", "text")
    """Supported response formats; any other is answered with 400."""
    context_window: int | None = None
    """Maximum tokens of a prompt."""
    funds: int | None = None
    """Calls answered until the account is empty."""
    quota: int | None = None
    """Calls answered until the day's quota is spent."""
    rpm: int | None = None
    """Calls of a model in any minute; further ones get 429."""
    tpm: int | None = None
    """Tokens of a model in any minute, in and out; further calls get 429."""
    quota_seconds: float = 3600.0
    """Seconds until a spent quota resets, as its 429 states."""
    record: bool = False
    """Keep the bodies of all calls, for tests."""
    api_key: str | None = None


FAULTS = (
    "rate_limit", "server_error", "drop", "bad_json", "too_few", "refusal", "hang", "cut_off", "too_many",
    "wrong_slots", "content_filter", "html", "empty", "no_choices", "stream_cut", "slow",
)  # fmt: skip
"""The faults that `Options` has a share for, in the order in which they are drawn."""
