"""Several worker processes on one queue: they share the calls, and a killed one costs only its calls in flight."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client, WorkflowHandle

from runtime.paths import ROOT
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.support.requests import THING
from tests.support.servers import START_SERVER
from tests.support.shell import Shell
from tests.support.waiting import is_running, wait_until

BATCHES, IN_FLIGHT, LATENCY, WORKERS = 1200, 32, 0.15, 4
"""Enough batches for an even split: few short calls, which are bundled by the dozen, would be split by chance."""


class WorkerProcesses:
    """A server, and `worker.py --processes` on it, whose output is in a file."""

    def __init__(self, shell: Shell, folder: Path) -> None:
        self.shell, self.log, self.folder = shell, folder / "said", folder
        subprocess.run(START_SERVER, cwd=ROOT, env=shell.env, timeout=60, check=True)
        with self.log.open("wb") as log:
            command = [sys.executable, str(ROOT / "worker.py"), "--processes", str(WORKERS)]
            self.parent = subprocess.Popen(command, cwd=ROOT, env=shell.env, stderr=log)

    async def start(self, name: str) -> WorkflowHandle:
        """Start a run with one item per batch."""
        inputs = {"item": THING, "instructions": "Make things.", "prompt": "thing {{ index }}"}
        fields = {
            "recipe": "custom",
            "inputs": inputs | {"slots": {"count": BATCHES}},
            "model": {"name": "gpt-4o-mini"},
            "batching": {"size": 1, "concurrency": IN_FLIGHT},
            "reuse": False,
            "output": {"store": str(self.folder / "store"), "formats": ["jsonl"]},
        }
        request = self.folder / "request.json"
        request.write_text(json.dumps(fields))
        started = self.shell("run", str(request), "--id", name, "--detach")
        assert started.returncode == 0, started.stderr
        return (await self.connect()).get_workflow_handle(name)

    async def connect(self) -> Client:
        return await Client.connect(f"127.0.0.1:{self.shell.env['QUIRE_PORT']}")

    def list_pids(self) -> list[int]:
        """Return the pids of the worker processes that are up."""
        listing = ["ps", "-o", "pid=", "--ppid", str(self.parent.pid)]
        return [int(pid) for pid in subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()]

    def stop(self) -> int:
        """Send SIGTERM and return the exit code after the drain."""
        if self.parent.poll() is None:
            self.parent.terminate()
        return self.parent.wait(60)


@pytest.fixture
def model() -> Generator[SimulatorServer]:
    with SimulatorServer(Options(latency=LATENCY)) as server:
        yield server


@pytest.fixture
def crew(shell: Shell, model: SimulatorServer, tmp_path: Path) -> Generator[WorkerProcesses]:
    shell.env["OPENAI_BASE_URL"] = model.base_url
    crew = WorkerProcesses(shell, tmp_path)
    try:
        wait_until(lambda: crew.log.read_text().count("worker on queue") == WORKERS)
        yield crew
    finally:
        crew.stop()


async def list_model_activities(handle: WorkflowHandle) -> dict[int, tuple[str, int, int]]:
    """Return, by event id, each activity that calls the model: its id, its number of calls, and how many run at a
    time."""
    calls = {}
    async for event in handle.fetch_history_events():
        scheduled = event.activity_task_scheduled_event_attributes
        if scheduled.activity_type.name == "generate":
            calls[event.event_id] = (scheduled.activity_id, 1, 1)
        elif scheduled.activity_type.name == "generate_several":
            activity_input = json.loads(scheduled.input.payloads[0].data)
            calls[event.event_id] = (scheduled.activity_id, len(activity_input["calls"]), activity_input["call_slots"])
    return calls


async def count_calls_by_worker(handle: WorkflowHandle) -> Counter[str]:
    """Return how many calls of the model each worker has made, by its identity."""
    scheduled, done = await list_model_activities(handle), Counter[str]()
    async for event in handle.fetch_history_events():
        ended = event.activity_task_completed_event_attributes
        if ended.scheduled_event_id in scheduled:
            answer = json.loads(ended.result.payloads[0].data)
            done[ended.identity] += len(answer["outcomes"]) if "outcomes" in answer else 1
    return done


async def list_running_activities(handle: WorkflowHandle) -> dict[str, str]:
    """Return the activities that run now, by id, each with the identity of its worker."""
    pending = (await handle.describe()).raw_description.pending_activities
    begun = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
    return {activity.activity_id: activity.last_worker_identity for activity in pending if activity.state == begun}


def has_each_item_once(crew: WorkerProcesses, name: str) -> bool:
    """Return whether the artifact has each item once."""
    rows = (crew.folder / "store" / name / "artifact.jsonl").read_text().splitlines()
    return len(rows) == len({json.loads(row)["id"] for row in rows}) == BATCHES


@pytest.mark.timeout(120)
async def test_four_worker_processes_share_the_calls_of_a_run(crew, model):
    handle = await crew.start("shared")
    assert (await handle.result())["items"] == BATCHES and has_each_item_once(crew, "shared")
    done, pids = await count_calls_by_worker(handle), crew.list_pids()
    assert done.total() == BATCHES == model.stats()["answered"] and len(done) == WORKERS
    assert min(done.values()) >= BATCHES / WORKERS / 2, done
    assert crew.stop() == 0 and len(pids) == WORKERS and not any(is_running(pid) for pid in pids)


@pytest.mark.timeout(120)
async def test_a_killed_worker_process_loses_only_its_calls_in_flight_and_is_replaced(crew, model):
    handle = await crew.start("killed")
    wait_until(lambda: model.stats()["answered"] >= BATCHES // 4)
    victim, _ = Counter((await list_running_activities(handle)).values()).most_common(1)[0]
    os.kill(int(victim.partition("@")[0]), signal.SIGSTOP)  # so that its calls can be counted
    activities = {name for name, worker in (await list_running_activities(handle)).items() if worker == victim}
    os.kill(int(victim.partition("@")[0]), signal.SIGKILL)
    running = (await list_model_activities(handle)).values()
    lost = sum(call_slots for name, _, call_slots in running if name in activities)
    assert (await handle.result())["items"] == BATCHES and has_each_item_once(crew, "killed")
    assert 0 < lost < IN_FLIGHT and model.stats()["answered"] <= BATCHES + lost
    assert "exit code -9, SIGKILL; restarting it in" in crew.log.read_text()
    wait_until(lambda: crew.log.read_text().count("worker on queue") == WORKERS + 1)
    pids = crew.list_pids()
    crew.parent.kill()
    wait_until(lambda: not any(is_running(pid) for pid in pids), 20)
    assert len(pids) == WORKERS and crew.log.read_text().count("finishing the calls in flight") == WORKERS
