"""Failures of a worker whose environment does not fit a run: another worker makes the call, or the run waits."""

import hashlib
from datetime import timedelta

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.errors import setup_error
from activities.limits.rate_turn import current_attempt
from quire.contracts import CALLED_ELSEWHERE
from quire.request import SIMULATOR

MAX_ATTEMPTS = 4
"""Attempts, a second apart, within which another worker may take a call that this one has no key for."""


def calls_queue(address: str) -> str:
    """Return the task queue that only workers with this address of their own take calls from."""
    return f"quire-calls-{hashlib.sha256(address.rstrip('/').encode()).hexdigest()[:12]}"


def endpoint_elsewhere(planned: str, own: str) -> ApplicationError:
    """Return the failure of a call to the address `planned` on a worker whose own is another. Its first detail is the
    task queue of the workers that fit; its message is for the person if there is none."""
    if planned == SIMULATOR:
        message = (
            "the run began with simulated text, and no worker without OPENAI_API_KEY and OPENAI_BASE_URL is up; unset "
            "both and start one, or run the request under another --id for a model's text"
        )
    else:
        here = "has neither OPENAI_API_KEY nor OPENAI_BASE_URL" if own == SIMULATOR else f"calls {own}"
        message = (
            f"the run calls {planned}, and this worker {here}; start one after: export OPENAI_BASE_URL={planned} (with "
            "its key in OPENAI_API_KEY, if it needs one)"
        )
    return ApplicationError(
        message,
        calls_queue(planned),
        type=CALLED_ELSEWHERE,
        non_retryable=True,
        category=ApplicationErrorCategory.BENIGN,  # no traceback in the log: with two environments, half of all calls
    )


def unusable_here(reason: str) -> ApplicationError:
    """Return the failure of a call that this worker may not make: it is tried again, for another worker to take it, and
    then the run waits for a person."""
    if current_attempt() >= MAX_ATTEMPTS:
        return setup_error(reason)
    return ApplicationError(reason, type="SetupError", next_retry_delay=timedelta(seconds=1))
