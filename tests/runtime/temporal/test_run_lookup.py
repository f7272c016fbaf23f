"""Runs found by their id, its beginning or `last`, and the latest execution of each."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from temporalio.client import WorkflowExecutionStatus as Status
from temporalio.common import TypedSearchAttributes

from runtime.errors import SetupError
from runtime.temporal.run_lookup import latest_executions, list_runs
from runtime.temporal.runs import attach_run
from tests.support.requests import oq_request


async def test_an_id_may_be_shortened_while_it_matches_one_run(client, tmp_path):
    for name in ("short-1", "short-11", "short-2", "o'clock", "short-%"):
        await client.start_workflow("GenerateArtifact", oq_request(tmp_path), id=name, task_queue="nobody")
    await client.start_workflow("GenerateShard", oq_request(tmp_path), id="short-3", task_queue="nobody")
    for short_id, meant in {
        "short-11": "short-11",
        "short-1": "short-1",
        "o'": "o'clock",
        "short-%": "short-%",
    }.items():
        assert (await attach_run(client, short_id)).id == meant
    with pytest.raises(SetupError, match="4 ids begin with") as raised:
        await attach_run(client, "short-")
    assert "short-2" in str(raised.value) and "short-3" not in str(raised.value)
    with pytest.raises(SetupError, match="is it one of these") as raised:
        await attach_run(client, "shrot-2")
    assert "  short-2" in str(raised.value)
    assert (await attach_run(client, "last")).id == "short-%"
    await client.start_workflow("GenerateArtifact", oq_request(tmp_path), id="last", task_queue="nobody")
    await client.start_workflow("GenerateArtifact", oq_request(tmp_path), id="later", task_queue="nobody")
    assert (await attach_run(client, "last")).id == "last"
    assert [run.id for run in await list_runs(client, "short-1")] == ["short-11", "short-1"]
    for run in [run for run in await list_runs(client) if run.live]:
        await client.get_workflow_handle(run.id).terminate()


def test_a_continued_run_is_as_old_as_its_first_history():
    start = datetime(2026, 1, 1, tzinfo=UTC)

    def execution(name: str, hour: int, status: Status) -> SimpleNamespace:
        at = start + timedelta(hours=hour)
        none = TypedSearchAttributes.empty
        return SimpleNamespace(id=name, start_time=at, close_time=at, status=status, typed_search_attributes=none)

    cut = Status.CONTINUED_AS_NEW
    listed = [
        execution("long", 6, Status.RUNNING), execution("long", 5, cut), execution("long", 2, cut),
        execution("long", 1, Status.COMPLETED), execution("quick", 3, Status.COMPLETED),
        execution("again", 0, Status.COMPLETED), execution("again", 4, Status.RUNNING),
    ]  # fmt: skip
    newest_runs = latest_executions(listed)  # pyright: ignore[reportArgumentType]
    assert [run.id for run in newest_runs] == ["again", "quick", "long"]
    assert [run.started.hour for run in newest_runs] == [4, 3, 2] and [run.live for run in newest_runs] == [
        True,
        False,
        True,
    ]
