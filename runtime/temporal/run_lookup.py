"""Which runs the server knows, and which of them a shortened id means."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from itertools import groupby, takewhile
from typing import Any

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError

from quire.contracts import WORKFLOW
from runtime.errors import SetupError

LAST = "last"
"""Means the run that was started last, unless a run is called so."""
MOST = 10_000
"""Executions that are looked through."""
SHOWN = 10


@dataclass(frozen=True)
class Known:
    """A run as the server lists it."""

    id: str
    status: str
    """`running`, or how Temporal says that it ended."""
    started: datetime
    ended: datetime | None
    attributes: dict[str, Any]
    """Its search attributes by name; none on a server that does not have Quire's."""

    @property
    def live(self) -> bool:
        """Whether it has not ended."""
        return self.status == "running"


async def runs(client: Client, prefix: str = "") -> list[Known]:
    """All runs whose ids begin so, the one started last first."""
    query = f"WorkflowType = '{WORKFLOW}'"
    if prefix:
        quoted = prefix.replace("\\", "\\\\").replace("'", "\\'")
        query += f" AND WorkflowId STARTS_WITH '{quoted}'"
    try:
        return newest([one async for one in _listed(client, query)])
    except RPCError as error:
        raise SetupError(f"the Temporal server refused to list its runs: {error.message}") from None


def _listed(client: Client, query: str) -> AsyncIterator[WorkflowExecution]:
    return client.list_workflows(query, page_size=1000, limit=MOST)


def newest(listed: Iterable[WorkflowExecution]) -> list[Known]:
    """A run for each id. A run has several executions under its id where it was taken up again, of which the last one
    counts, or where its history was cut, of which the first one tells when it started."""
    in_order = sorted(listed, key=lambda one: (one.id, one.start_time), reverse=True)
    found = [_known(list(same)) for _, same in groupby(in_order, key=lambda one: one.id)]
    return sorted(found, key=lambda run: run.started, reverse=True)


def _known(executions: list[WorkflowExecution]) -> Known:
    last, *earlier = executions
    cut = takewhile(lambda one: one.status == WorkflowExecutionStatus.CONTINUED_AS_NEW, earlier)
    first = [last, *cut][-1]
    return Known(
        id=last.id,
        status=last.status.name.lower() if last.status else "unknown",
        started=first.start_time,
        ended=last.close_time,
        attributes={pair.key.name: pair.value for pair in last.typed_search_attributes},
    )


async def meant(client: Client, said: str) -> str:
    """The id of the run that is meant by something that is no run's id: the beginning of one, or `last`.

    Raises SetupError with those that may be meant where it is not exactly one.
    """
    if said == LAST:
        if found := await runs(client):
            return found[0].id
        raise SetupError("there are no runs yet; start one with: uv run starter.py run examples/oq_suite.yaml")
    found = await runs(client, said)
    if len(found) == 1:
        return found[0].id
    if found:
        raise SetupError(f"'{said}' is the beginning of {len(found)} ids; say which one:\n{_listing(found)}")
    raise SetupError(f"there is no run '{said}'; {_nearest(said, await runs(client))}")


def _nearest(said: str, known: list[Known]) -> str:
    near = get_close_matches(said, [run.id for run in known], n=3, cutoff=0.5)
    if near:
        return f"is it one of these?\n{_indented(near)}\nsee all with: uv run starter.py list"
    if known:
        return "see all with: uv run starter.py list"
    return "there are none yet; start one with: uv run starter.py run examples/oq_suite.yaml"


def _listing(found: list[Known]) -> str:
    more = [f"… and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return _indented([*(run.id for run in found[:SHOWN]), *more])


def _indented(lines: list[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)
