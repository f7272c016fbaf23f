"""What every part of a run shares."""

from dataclasses import dataclass

from quire.contracts import Job
from quire.request import Request
from workflows.state.state import State


@dataclass
class RunData:
    """A run's request, state and files, for parts that must not know the whole run.

    There is one of it in a run. The request is replaced when the plan adds the recipe's defaults, and when a person
    changes the concurrency or the budget.
    """

    request: Request
    state: State
    job: Job
    """The location of the run's files; in a shard that of the run that it belongs to."""
