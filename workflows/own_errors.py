"""What becomes of an exception of our own code in a workflow: the run fails with its message, and never hangs.

Temporal's own way is to fail the workflow task and to try it again for ever, until other code is deployed. A run
would then hang in silence, and refuse the messages by which people could end it. A run that has failed loses nothing:
all that was generated is in the store, and `resume`, or the same request under the same id, goes on from there.

An error of the replay itself (the worker runs other code than the run was started with) is left to Temporal: the run
waits for a worker of the right version.
"""

from temporalio.exceptions import TemporalError

BUILTINS = "builtins"
OWN_ERRORS: tuple[type[Exception], ...] = tuple(
    error
    for error in Exception.__subclasses__()
    if error.__module__ == BUILTINS and not issubclass(TemporalError, error)
)
"""All exceptions of Python itself and what is derived from them, such as pydantic's; not those of Temporal, among which
is the error of a replay."""
