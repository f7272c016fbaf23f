"""What went wrong in a call, as Temporal is to treat it: again, later, or never."""

import random
import time
from collections.abc import Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

if TYPE_CHECKING:
    from openai import APIStatusError  # half a second of import that only calls need

LONG = 120.0
"""Seconds beyond which a limit is a quota's, and the run sleeps instead of the call."""


class UnusableAnswer(Exception):
    """A status of 200 whose body is no answer."""


def setup_error(message: str) -> ApplicationError:
    """A mistake that a person must mend; never retried."""
    return ApplicationError(message, type="SetupError", non_retryable=True)


def from_status(error: "APIStatusError", key_variable: str, attempt: int = 1) -> ApplicationError:
    """HTTP status to retryability, by the OpenAI client's own rules; a rate limit waits as long as it asks for.

    A limit that resets only much later is a spent quota: the run sleeps until then, as told in the details (seconds
    since 1970), instead of each call for itself.
    """
    headers = error.response.headers
    hint = headers.get("x-should-retry")
    empty = error.code == "insufficient_quota"
    transient = error.status_code in {408, 409, 429} or error.status_code >= 500
    retry = not empty and (hint == "true" or (hint != "false" and transient))
    wait = retry_after(headers) if retry else None
    if error.status_code == 429 and wait is not None and wait > LONG:
        return ApplicationError(_spoken(error, key_variable), time.time() + wait, type="QuotaSpent", non_retryable=True)
    return ApplicationError(
        _spoken(error, key_variable),
        type="InsufficientQuota" if empty else type(error).__name__,
        non_retryable=not retry,
        next_retry_delay=jittered(wait, attempt) if retry else None,
        category=ApplicationErrorCategory.BENIGN
        if retry and error.status_code == 429
        else ApplicationErrorCategory.UNSPECIFIED,
    )


def again(message: str, kind: str, attempt: int) -> ApplicationError:
    """A failure that is tried again by itself, later each time."""
    return ApplicationError(message, type=kind, next_retry_delay=jittered(None, attempt))


def jittered(wait: float | None, attempt: int) -> timedelta:
    """When to try again: not before `wait` is over, where it is said; else later with each attempt, up to half a
    minute. The server adds no jitter of its own: without it all throttled calls would come back in the same instant."""
    if wait is not None:
        return timedelta(seconds=max(0.05, wait * random.uniform(1, 1.25)))
    return timedelta(seconds=min(30.0, 0.5 * 2 ** min(attempt - 1, 10)) * random.uniform(0.5, 1.5))


def _spoken(error: "APIStatusError", key_variable: str) -> str:
    said = f"HTTP {error.status_code}: {error.message}"[:500]
    if error.status_code in (401, 403):
        return f"the endpoint refused the API key in {key_variable} (HTTP {error.status_code}); set the right one"
    if error.status_code == 404:
        return f"{said}; check the model's name and the base URL"
    return said


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms`, or `retry-after` as seconds or as a date; None where not said."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * scale
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < 7 * 86400:  # also keeps out nan and inf
            return seconds
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time())
    except (ValueError, TypeError):
        return None
