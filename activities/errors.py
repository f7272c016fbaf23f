"""Errors that a person must fix before a run can go on."""

from temporalio.exceptions import ApplicationError


def setup_error(message: str) -> ApplicationError:
    """Return the error for something that only a person can fix; it is never retried, and the run pauses."""
    return ApplicationError(message, type="SetupError", non_retryable=True)


def missing_key_message(variable: str) -> str:
    """Return the message for an environment variable that must hold an API key and is not set."""
    return f"the environment variable {variable} is not set; it must hold the API key"
