"""What keeps a run from answering is told in words: no worker, a server that is gone, code that fails."""

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
from runtime.session.follow import Unreachable, follow
from runtime.session.run_view import Look
from runtime.session.status_text import lines, summary_of
from runtime.temporal import embedded_server
from runtime.temporal.diagnosis import diagnosed
from runtime.temporal.runs import Handle, progress_of, start
from runtime.worker.host import hosted
from simulator.options import Options
from tests.conftest import free_port, oq


@workflow.defn(name="GenerateArtifact", sandboxed=False)
class Broken:
    """Code with a mistake."""

    @workflow.run
    async def run(self, request: Request) -> Result:
        raise KeyError("no such tree")


class Noted:
    """A show that keeps what it is shown."""

    def __init__(self) -> None:
        self.looks: list[Look] = []

    def __enter__(self) -> "Noted":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, look: Look, *, last: bool = False) -> None:
        self.looks.append(look)

    def kinds(self) -> list[str]:
        """What was wrong, each time it changed."""
        seen = [look.trouble.kind if look.trouble else "" for look in self.looks]
        return [kind for before, kind in zip([None, *seen], seen, strict=False) if kind != before]


@asynccontextmanager
async def server(port: int, database: Path) -> AsyncGenerator[Client]:
    async with await WorkflowEnvironment.start_local(
        port=port,
        dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
        dev_server_database_filename=str(database),
        data_converter=pydantic_data_converter,
    ) as environment:
        await embedded_server.prepare(environment.client)
        yield environment.client


@pytest.fixture
async def own(tmp_path: Path) -> AsyncGenerator[Client]:
    """A server whose queue nobody else works on."""
    async with server(free_port(), tmp_path / "temporal.db") as client:
        yield client


async def seen(client: Client, handle: Handle, kind: str, seconds: float = 30) -> list[str]:
    """Watch until this is shown; what was shown."""
    noted, stop = Noted(), asyncio.Event()
    watching = asyncio.create_task(follow(client, handle, stop, [noted]))
    end = time.monotonic() + seconds
    while kind not in noted.kinds():
        assert time.monotonic() < end and not watching.done(), noted.kinds()
        await asyncio.sleep(0.05)
    stop.set()
    assert await watching == "stopped"
    return [look.trouble.said for look in noted.looks if look.trouble]


async def test_a_run_without_a_worker_is_told_with_the_command_that_starts_one(own, tmp_path):
    request = oq(tmp_path / "store")
    handle = await start(own, "lonely", request)
    told = (await seen(own, handle, "no worker"))[-1]
    assert "no worker is on the queue quire" in told and "uv run starter.py up" in told
    assert "no worker is on the queue quire" in "\n".join(lines(await summary_of(own, handle, request)))


async def test_code_that_fails_is_told_with_what_it_raised(own, tmp_path):
    request = oq(tmp_path / "store")
    async with Worker(own, task_queue="quire", workflows=[Broken], workflow_runner=UnsandboxedWorkflowRunner()):
        handle = await start(own, "broken", request)
        told = (await seen(own, handle, "code"))[-1]
        assert "KeyError" in told and "no such tree" in told and "worker.py" in told and "terminate -w broken" in told
        assert "no such tree" in "\n".join(lines(await summary_of(own, handle, request)))


async def test_a_run_that_the_server_does_not_know_is_no_server_that_is_gone(own):
    trouble = await diagnosed(own, "nobody")
    assert trouble is not None and trouble.kind == "unknown run" and "rebuild nobody" in trouble.said


async def test_a_server_that_comes_back_is_waited_for_and_the_run_seen_to_its_end(simulator, tmp_path):
    port, noted, stop = free_port(), Noted(), asyncio.Event()
    simulator.simulator.options = Options(latency=0.3)
    async with server(port, tmp_path / "temporal.db") as first:
        client = await Client.connect(f"127.0.0.1:{port}", data_converter=pydantic_data_converter)
        handle = await start(first, "away", oq(tmp_path / "store", batching={"size": 1, "concurrency": 1}))
        handle = client.get_workflow_handle("away", result_type=Result)
        working = asyncio.create_task(_worked_on(client, stop))
        watching = asyncio.create_task(follow(client, handle, asyncio.Event(), [noted]))
        while not any(look.progress and look.progress.items for look in noted.looks):
            await asyncio.sleep(0.05)
    while "server" not in noted.kinds():
        await asyncio.sleep(0.05)
    (told,) = {look.trouble.said for look in noted.looks if look.trouble and look.trouble.kind == "server"}
    assert f"127.0.0.1:{port} does not answer" in told and "uv run starter.py up" in told
    async with server(port, tmp_path / "temporal.db"):
        assert await asyncio.wait_for(watching, 60) == "ended"
        assert noted.kinds()[-1] == "" and noted.looks[-1].progress.items == 25
        stop.set()
        await working


async def _worked_on(client: Client, stop: asyncio.Event) -> None:
    async with hosted(client):
        await stop.wait()


async def test_the_end_is_shown_though_a_busy_worker_leaves_looks_unanswered(client, simulator, tmp_path, monkeypatch):
    noted, unanswered = Noted(), [None] * 3
    monkeypatch.setattr(run_view, "progress_of", lambda handle: _silence(unanswered, handle))
    async with hosted(client):
        handle = await start(client, "ended", oq(tmp_path / "store"))
        await handle.result()
        assert await follow(client, handle, asyncio.Event(), [noted]) == "ended"
    assert not unanswered and noted.looks[-1].progress.line.startswith("Generated 25/25")


async def _silence(unanswered: list[None], handle: Handle) -> Progress | None:
    return unanswered.pop() if unanswered else await progress_of(handle)


async def test_watching_ends_where_a_server_stays_away(tmp_path):
    noted = Noted()
    async with server(free_port(), tmp_path / "temporal.db") as client:
        handle = await start(client, "gone", oq(tmp_path / "store"))
    began = time.monotonic()
    with pytest.raises(Unreachable, match="does not answer"):
        await follow(client, handle, asyncio.Event(), [noted], patience=2)
    assert noted.kinds() == ["server"] and time.monotonic() - began < 30
