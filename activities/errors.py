"""Errors that a person must fix before a run can go on, and those of our own code."""

from datetime import timedelta

from temporalio.exceptions import ApplicationError

from quire.contracts import INTERNAL_ERROR


def setup_error(message: str) -> ApplicationError:
    """Return the error for something that only a person can fix; it is never retried, and the run pauses."""
    return ApplicationError(message, type="SetupError", non_retryable=True)


def internal_error(message: str, *, retry_after: timedelta | None = None) -> ApplicationError:
    """Return the error for an exception of our own code: final, or tried once more after `retry_after`."""
    return ApplicationError(
        message, type=INTERNAL_ERROR, non_retryable=retry_after is None, next_retry_delay=retry_after
    )


def find_key_fault(variable: str, key: str) -> str:
    """Return what keeps the value of an environment variable from being sent as a key, in words that do not show it; an
    empty text if nothing does."""
    position = next((at for at, letter in enumerate(key, 1) if not " " <= letter <= "~"), 0)
    if not position:
        return ""
    kind = "a line break or control character" if key[position - 1] < " " else "a character that no key has"
    return (
        f"the environment variable {variable} holds {kind} at place {position} of {len(key)}; set it to the key alone"
    )


def missing_key_message(variable: str) -> str:
    """Return the message for an environment variable that must hold an API key and is not set."""
    return f"the environment variable {variable} is not set; it must hold the API key"
