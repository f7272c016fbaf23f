"""Why a run does not answer, in words: no worker, a server that is gone, code that fails."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from quire.progress import Progress, Result
from quire.request import Request
from runtime.session import run_view
from runtime.session.follow import ServerUnreachable, follow_run
from runtime.session.run_view import RunView
from runtime.session.status_text import fetch_status, format_status
from runtime.temporal import embedded_server
from runtime.temporal.diagnosis import diagnose
from runtime.temporal.runs import Handle, query_progress, start_run
from simulator.options import Options
from tests.support.ports import find_free_port
from tests.support.requests import oq_request
from tests.support.workers import run_worker


@workflow.defn(name="GenerateArtifact", sandboxed=False)
class BrokenWorkflow:
    """A workflow with a bug."""

    @workflow.run
    async def run(self, request: Request) -> Result:
        raise KeyError("no such tree")


class RecordingRenderer:
    """A renderer that records the views it is given."""

    def __init__(self) -> None:
        self.views: list[RunView] = []

    def __enter__(self) -> "RecordingRenderer":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def render(self, look: RunView, *, last: bool = False) -> None:
        self.views.append(look)

    def trouble_kinds(self) -> list[str]:
        """Return the kinds of trouble shown, each time the kind changed."""
        kinds = [look.diagnosis.kind if look.diagnosis else "" for look in self.views]
        return [kind for before, kind in zip([None, *kinds], kinds, strict=False) if kind != before]


@asynccontextmanager
async def run_server(port: int, database: Path) -> AsyncGenerator[Client]:
    async with await WorkflowEnvironment.start_local(
        port=port,
        dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
        dev_server_database_filename=str(database),
        data_converter=pydantic_data_converter,
    ) as environment:
        await embedded_server.prepare_namespace(environment.client)
        yield environment.client


@pytest.fixture
async def own(tmp_path: Path) -> AsyncGenerator[Client]:
    """A client of a server whose task queue no other test uses."""
    async with run_server(find_free_port(), tmp_path / "temporal.db") as client:
        yield client


async def watch_for(client: Client, handle: Handle, kind: str, seconds: float = 30) -> list[str]:
    """Follow the run until trouble of this kind is shown; return all messages shown."""
    noted, stop = RecordingRenderer(), asyncio.Event()
    watching = asyncio.create_task(follow_run(client, handle, stop, [noted]))
    end = time.monotonic() + seconds
    while kind not in noted.trouble_kinds():
        assert time.monotonic() < end and not watching.done(), noted.trouble_kinds()
        await asyncio.sleep(0.05)
    stop.set()
    assert await watching == "stopped"
    return [look.diagnosis.message for look in noted.views if look.diagnosis]


async def test_a_run_without_a_worker_is_reported_with_the_command_that_starts_one(own, tmp_path):
    request = oq_request(tmp_path / "store")
    handle = await start_run(own, "lonely", request)
    message = (await watch_for(own, handle, "no worker"))[-1]
    assert "no worker is on the queue quire" in message and "uv run starter.py up" in message
    assert "no worker is on the queue quire" in "\n".join(format_status(await fetch_status(own, handle, request)))


async def test_failing_workflow_code_is_reported_with_its_exception(own, tmp_path):
    request = oq_request(tmp_path / "store")
    async with Worker(own, task_queue="quire", workflows=[BrokenWorkflow], workflow_runner=UnsandboxedWorkflowRunner()):
        handle = await start_run(own, "broken", request)
        message = (await watch_for(own, handle, "code"))[-1]
        assert (
            "KeyError" in message
            and "no such tree" in message
            and "worker.py" in message
            and "terminate -w broken" in message
        )
        assert "no such tree" in "\n".join(format_status(await fetch_status(own, handle, request)))


async def test_an_unknown_run_is_not_reported_as_a_missing_server(own):
    trouble = await diagnose(own, "nobody")
    assert trouble is not None and trouble.kind == "unknown run" and "rebuild nobody" in trouble.message


async def test_following_survives_a_server_that_goes_away_and_comes_back(simulator, tmp_path):
    port, noted, stop = find_free_port(), RecordingRenderer(), asyncio.Event()
    simulator.simulator.options = Options(latency=0.3)
    async with run_server(port, tmp_path / "temporal.db") as first:
        client = await Client.connect(f"127.0.0.1:{port}", data_converter=pydantic_data_converter)
        handle = await start_run(first, "away", oq_request(tmp_path / "store", batching={"size": 1, "concurrency": 1}))
        handle = client.get_workflow_handle("away", result_type=Result)
        working = asyncio.create_task(_work_until(client, stop))
        watching = asyncio.create_task(follow_run(client, handle, asyncio.Event(), [noted]))
        while not any(look.progress and look.progress.items for look in noted.views):
            await asyncio.sleep(0.05)
    while "server" not in noted.trouble_kinds():
        await asyncio.sleep(0.05)
    (message,) = {look.diagnosis.message for look in noted.views if look.diagnosis and look.diagnosis.kind == "server"}
    assert f"127.0.0.1:{port} does not answer" in message and "uv run starter.py up" in message
    async with run_server(port, tmp_path / "temporal.db"):
        assert await asyncio.wait_for(watching, 60) == "ended"
        assert noted.trouble_kinds()[-1] == "" and noted.views[-1].progress.items == 25
        stop.set()
        await working


async def _work_until(client: Client, stop: asyncio.Event) -> None:
    async with run_worker(client):
        await stop.wait()


async def test_the_end_of_a_run_is_shown_although_a_busy_worker_left_queries_unanswered(
    client, simulator, tmp_path, monkeypatch
):
    noted, unanswered = RecordingRenderer(), [None] * 3
    monkeypatch.setattr(run_view, "query_progress", lambda handle: _answer_late(unanswered, handle))
    async with run_worker(client):
        handle = await start_run(client, "ended", oq_request(tmp_path / "store"))
        await handle.result()
        assert await follow_run(client, handle, asyncio.Event(), [noted]) == "ended"
    assert not unanswered and noted.views[-1].progress.line.startswith("Generated 25/25")


async def _answer_late(unanswered: list[None], handle: Handle) -> Progress | None:
    return unanswered.pop() if unanswered else await query_progress(handle)


async def test_following_fails_when_a_server_stays_away(tmp_path):
    noted = RecordingRenderer()
    async with run_server(find_free_port(), tmp_path / "temporal.db") as client:
        handle = await start_run(client, "gone", oq_request(tmp_path / "store"))
    started = time.monotonic()
    with pytest.raises(ServerUnreachable, match="does not answer"):
        await follow_run(client, handle, asyncio.Event(), [noted], outage_seconds=2)
    assert noted.trouble_kinds() == ["server"] and time.monotonic() - started < 30
