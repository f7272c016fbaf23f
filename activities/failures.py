"""What went wrong in a call, as Temporal is to treat it: again, later, or never."""

import random
import time
from collections.abc import Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime

from openai import APIStatusError
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory


class UnusableAnswer(Exception):
    """A status of 200 whose body is no answer."""


def setup_error(message: str) -> ApplicationError:
    """A mistake that a person must mend; never retried."""
    return ApplicationError(message, type="SetupError", non_retryable=True)


def from_status(error: APIStatusError, key_variable: str) -> ApplicationError:
    """HTTP status to retryability, by the OpenAI client's own rules; a rate limit waits as long as it asks for.

    The server adds no jitter of its own: without it all throttled calls would come back in the same instant.
    """
    headers = error.response.headers
    hint = headers.get("x-should-retry")
    spent = error.code == "insufficient_quota"
    transient = error.status_code in {408, 409, 429} or error.status_code >= 500
    retry = not spent and (hint == "true" or (hint != "false" and transient))
    wait = retry_after(headers) if retry else None
    return ApplicationError(
        _spoken(error, key_variable),
        type="InsufficientQuota" if spent else type(error).__name__,
        non_retryable=not retry,
        next_retry_delay=timedelta(seconds=wait * random.uniform(1, 1.25)) if wait is not None else None,
        category=ApplicationErrorCategory.BENIGN
        if retry and error.status_code == 429
        else ApplicationErrorCategory.UNSPECIFIED,
    )


def _spoken(error: APIStatusError, key_variable: str) -> str:
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
