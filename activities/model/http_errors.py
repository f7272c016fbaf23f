"""HTTP errors of a call as the failures by which Temporal retries it, sleeps, or stops."""

import random
import time
from collections.abc import Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.known_secrets import redact_text
from quire.contracts import QUOTA_SPENT

if TYPE_CHECKING:
    from openai import APIStatusError  # half a second of import that only calls need

QUOTA_WAIT = 120.0
"""Seconds of waiting from which a rate limit counts as a spent quota: the run sleeps instead of each call."""
_MAX_RETRY_AFTER = 7 * 86400
"""Seconds beyond which a `retry-after` is not believed."""


class UnusableAnswer(Exception):
    """A response with status 200 whose body is not an answer."""


def status_failure(error: "APIStatusError", key_variable: str, attempt: int = 1) -> ApplicationError:
    """Return the failure for an HTTP error status, retryable by the OpenAI client's own rules.

    A rate limit is retried after the time that the response asks for. If that is long, it is a spent quota: the run
    sleeps until the time in the failure's details (seconds since 1970), instead of each call for itself.
    """
    headers = error.response.headers
    hint = headers.get("x-should-retry")
    has_no_funds = error.code == "insufficient_quota"
    is_transient = error.status_code in {408, 409, 429} or error.status_code >= 500
    is_retryable = not has_no_funds and (hint == "true" or (hint != "false" and is_transient))
    wait = parse_retry_after(headers) if is_retryable else None
    message = _status_message(error, key_variable)
    if error.status_code == 429 and wait is not None and wait > QUOTA_WAIT:
        return ApplicationError(message, time.time() + wait, type=QUOTA_SPENT, non_retryable=True)
    is_rate_limit = is_retryable and error.status_code == 429
    return ApplicationError(
        message,
        type="InsufficientQuota" if has_no_funds else type(error).__name__,
        non_retryable=not is_retryable,
        next_retry_delay=retry_delay(wait, attempt) if is_retryable else None,
        category=ApplicationErrorCategory.BENIGN if is_rate_limit else ApplicationErrorCategory.UNSPECIFIED,
    )


def retryable_failure(message: str, kind: str, attempt: int, *details: object) -> ApplicationError:
    """Return a failure of type `kind` that Temporal retries, later with each attempt."""
    return ApplicationError(message, *details, type=kind, next_retry_delay=retry_delay(None, attempt))


def retry_delay(wait: float | None, attempt: int) -> timedelta:
    """Return when to retry: after `wait` seconds if given, else later with each attempt, up to half a minute.

    Temporal adds no jitter of its own; without the jitter here, all throttled calls would come back at once.
    """
    if wait is not None:
        return timedelta(seconds=max(0.05, wait * random.uniform(1, 1.25)))
    return timedelta(seconds=min(30.0, 0.5 * 2 ** min(attempt - 1, 10)) * random.uniform(0.5, 1.5))


def _status_message(error: "APIStatusError", key_variable: str) -> str:
    if error.status_code in (401, 403):
        return f"the endpoint refused the API key in {key_variable} (HTTP {error.status_code}); set the right one"
    message = redact_text(f"HTTP {error.status_code}: {error.message}")[:500]
    if error.status_code == 404:
        return f"{message}; check the model's name and the base URL"
    return message


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait, from `retry-after-ms`, or `retry-after` as seconds or a date; None without either."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * scale
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < _MAX_RETRY_AFTER:  # also keeps out nan and inf
            return seconds
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time())
    except (ValueError, TypeError):
        return None
