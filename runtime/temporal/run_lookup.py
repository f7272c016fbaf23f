"""The runs that the server knows, and which of them a shortened id means."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from itertools import groupby, takewhile
from typing import Any

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError

from quire.commands import starter_command
from quire.contracts import RUN_WORKFLOW
from runtime.errors import SetupError

LAST_RUN = "last"
"""Stands for the run that was started last, unless a run has this id."""
MAX_EXECUTIONS = 10_000
"""Executions that are fetched at most."""
MAX_MATCHES = 10
"""Ids that an error message lists at most."""
NO_RUNS = f"there are no runs yet; start one with: {starter_command('run', 'examples/oq_suite.yaml')}"


@dataclass(frozen=True)
class ListedRun:
    """A run as the server lists it."""

    id: str
    status: str
    """`running`, or Temporal's word for how it ended."""
    started: datetime
    ended: datetime | None
    attributes: dict[str, Any]
    """Its search attributes by name; empty on a server that does not have Quire's."""

    @property
    def live(self) -> bool:
        """True if it has not ended."""
        return self.status == "running"


async def list_runs(client: Client, prefix: str = "") -> list[ListedRun]:
    """Return the runs whose ids begin with `prefix`, newest first. Raises SetupError if the server refuses."""
    query = f"WorkflowType = '{RUN_WORKFLOW}'"
    if prefix:
        quoted = prefix.replace("\\", "\\\\").replace("'", "\\'")
        query += f" AND WorkflowId STARTS_WITH '{quoted}'"
    try:
        return latest_executions([execution async for execution in _query_executions(client, query)])
    except RPCError as error:
        raise SetupError(f"the Temporal server refused to list its runs: {error.message}") from None


def _query_executions(client: Client, query: str) -> AsyncIterator[WorkflowExecution]:
    return client.list_workflows(query, page_size=1000, limit=MAX_EXECUTIONS)


def latest_executions(executions: Iterable[WorkflowExecution]) -> list[ListedRun]:
    """Return one run for each id, newest first.

    A run has several executions under its id if it was resumed after its end, in which case the last one counts, or
    if it continued as new, in which case its start is that of the first one.
    """
    in_order = sorted(executions, key=lambda execution: (execution.id, execution.start_time), reverse=True)
    runs = [_to_listed_run(list(same_id)) for _, same_id in groupby(in_order, key=lambda execution: execution.id)]
    return sorted(runs, key=lambda run: run.started, reverse=True)


def _to_listed_run(executions: Sequence[WorkflowExecution]) -> ListedRun:
    last, *earlier = executions
    continued = takewhile(lambda execution: execution.status == WorkflowExecutionStatus.CONTINUED_AS_NEW, earlier)
    first = [last, *continued][-1]
    return ListedRun(
        id=last.id,
        status=last.status.name.lower() if last.status else "unknown",
        started=first.start_time,
        ended=last.close_time,
        attributes={pair.key.name: pair.value for pair in last.typed_search_attributes},
    )


async def resolve_run_id(client: Client, text: str) -> str:
    """Return the id of the run that `text` means: the beginning of its id, or `last`.

    Raises SetupError, with the ids that may be meant, unless exactly one run matches.
    """
    if text == LAST_RUN:
        if runs := await list_runs(client):
            return runs[0].id
        raise SetupError(NO_RUNS)
    matches = await list_runs(client, text)
    if len(matches) == 1:
        return matches[0].id
    if matches:
        raise SetupError(f"{len(matches):,} ids begin with '{text}'; which one is meant?\n{_format_matches(matches)}")
    raise SetupError(f"there is no run '{text}'; {_suggest_ids(text, await list_runs(client))}")


def _suggest_ids(text: str, runs: Sequence[ListedRun]) -> str:
    similar = get_close_matches(text, [run.id for run in runs], n=3, cutoff=0.5)
    if similar:
        return f"is it one of these?\n{_indent_lines(similar)}\nsee all with: {starter_command('list')}"
    return f"see all with: {starter_command('list')}" if runs else NO_RUNS


def _format_matches(matches: Sequence[ListedRun]) -> str:
    more = [f"… and {len(matches) - MAX_MATCHES:,} more"] if len(matches) > MAX_MATCHES else []
    return _indent_lines([*(run.id for run in matches[:MAX_MATCHES]), *more])


def _indent_lines(lines: Iterable[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)
