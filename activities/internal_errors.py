"""Exceptions of activities sorted by whose they are: the world's are retried, those of our own code only three times.

What the world does passes: an endpoint or a server is away, a disk is full. An exception that our own code raises comes
again with the same input, however often it is tried, so it must not be retried for hours.
"""

import functools
import logging
import re
import traceback
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar, cast

from obstore.exceptions import BaseError
from temporalio import activity
from temporalio.exceptions import FailureError
from temporalio.service import RPCError

from activities.errors import internal_error, setup_error
from activities.known_secrets import redact_text
from activities.store.object_store import Store, StoreError
from quire.contracts import INTERNAL_ERROR, Job

P = ParamSpec("P")
R = TypeVar("R")

MAX_TRIES = 3
"""Tries of an activity that fails in our own code: the second and third show that it was no accident."""
ERRORS = "errors/"
"""The folder of a run that holds the tracebacks of such failures."""
MAX_WORDS = 200
"""Characters of the exception's message that the failure repeats."""
_WORLD = (FailureError, RPCError, ConnectionError, TimeoutError)
_FOREIGN_CLIENTS = {"openai", "httpx", "httpx2", "httpcore"}
"""Packages whose exceptions are failures of a connection. They are recognized by name: importing one takes time."""


def sort_errors(work: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Make an activity raise store errors as setup errors, for which the run waits, and exceptions of our own code as
    InternalError after `MAX_TRIES`. The world's failures pass through."""

    @functools.wraps(work)
    async def work_or_sort(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await work(*args, **kwargs)
        except (StoreError, BaseError) as error:
            raise setup_error(str(error)) from None
        except Exception as error:
            if is_of_the_world(error):
                raise
            raise await _build_failure(error, args[-1]) from error

    return work_or_sort


def is_of_the_world(error: BaseException) -> bool:
    """Return True for a failure of a server, an endpoint or a connection, which may pass by itself."""
    packages = {base.__module__.partition(".")[0] for base in type(error).__mro__}
    return isinstance(error, _WORLD) or bool(packages & _FOREIGN_CLIENTS)


async def _build_failure(error: Exception, input: Any) -> FailureError:
    attempt = activity.info().attempt if activity.in_activity() else MAX_TRIES
    words = describe_error(error)
    if attempt < MAX_TRIES:
        return internal_error(words, retry_after=timedelta(seconds=attempt))
    place = await _keep_traceback(error, input)
    message = f"{_name_work(input)} failed in Quire's own code: {words}; the traceback is in {place}"
    return setup_error(message) if isinstance(error, OSError) else internal_error(message)


def describe_error(error: BaseException) -> str:
    """Return an exception's type and the start of its message, on one line."""
    words = " ".join(redact_text(str(error)).split())[:MAX_WORDS]
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _name_work(input: Any) -> str:
    """Return what an activity was doing: its name, with its batch if it has one."""
    name = activity.info().activity_type if activity.in_activity() else "the activity"
    batch = getattr(getattr(input, "batch", None), "name", None)
    label = getattr(input, "name", None) or getattr(input, "key", None)
    return f"{name} of batch {batch}" if batch else f"{name} of {label}" if label else name


async def _keep_traceback(error: Exception, input: Any) -> str:
    """Write the traceback to the run's store and return its address; if that fails, log it and return that."""
    text = "".join(traceback.format_exception(error)).encode(errors="backslashreplace")
    info = activity.info() if activity.in_activity() else None
    name = f"{info.activity_type}-{info.activity_id}" if info else "activity"
    key = f"{ERRORS}{re.sub(r'[^A-Za-z0-9._-]', '_', name)}.txt"
    try:
        job = cast(Job, input.job if hasattr(input, "job") else input.calls[0].job)
        store = Store(job.store, job.workflow_id)
        await store.put(key, text)
        return store.address_of(key)
    except Exception:  # whatever is wrong with the store must not hide the first error
        logging.getLogger("quire").error("%s: %s", INTERNAL_ERROR, text.decode())
        return "the worker's log"
