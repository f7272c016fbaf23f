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

from benchmarks.harness import ITEM
from benchmarks.kills import START
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.conftest import ROOT
from tests.runtime.conftest import Shell, lives, until

BATCHES, IN_FLIGHT, LATENCY, WORKERS = 1200, 32, 0.15, 4
"""Of few calls, a dozen of which go into one activity, chance decides who makes how many."""


class Crew:
    """A server, and `worker.py --processes` on it, whose words are in a file."""

    def __init__(self, shell: Shell, folder: Path) -> None:
        self.shell, self.said, self.folder = shell, folder / "said", folder
        subprocess.run([sys.executable, "-c", START], cwd=ROOT, env=shell.env, timeout=60, check=True)
        with self.said.open("wb") as said:
            command = [sys.executable, str(ROOT / "worker.py"), "--processes", str(WORKERS)]
            self.parent = subprocess.Popen(command, cwd=ROOT, env=shell.env, stderr=said)

    async def start(self, name: str) -> WorkflowHandle:
        """Start a run of one item a batch."""
        inputs = {"item": ITEM, "instructions": "Make things.", "prompt": "thing {{ index }}"}
        said = {
            "recipe": "custom",
            "inputs": inputs | {"slots": {"count": BATCHES}},
            "model": {"name": "gpt-4o-mini"},
            "batching": {"size": 1, "concurrency": IN_FLIGHT},
            "reuse": False,
            "output": {"store": str(self.folder / "store"), "formats": ["jsonl"]},
        }
        request = self.folder / "request.json"
        request.write_text(json.dumps(said))
        started = self.shell("run", str(request), "--id", name, "--detach")
        assert started.returncode == 0, started.stderr
        return (await self.client()).get_workflow_handle(name)

    async def client(self) -> Client:
        return await Client.connect(f"127.0.0.1:{self.shell.env['QUIRE_PORT']}")

    def pids(self) -> list[int]:
        """The worker processes that are up."""
        listing = ["ps", "-o", "pid=", "--ppid", str(self.parent.pid)]
        return [int(pid) for pid in subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()]

    def stop(self) -> int:
        """SIGTERM; the exit code after the drain."""
        if self.parent.poll() is None:
            self.parent.terminate()
        return self.parent.wait(60)


@pytest.fixture
def model() -> Generator[SimulatorServer]:
    with SimulatorServer(Options(latency=LATENCY)) as server:
        yield server


@pytest.fixture
def crew(shell: Shell, model: SimulatorServer, tmp_path: Path) -> Generator[Crew]:
    shell.env["OPENAI_BASE_URL"] = model.base_url
    made = Crew(shell, tmp_path)
    try:
        until(lambda: made.said.read_text().count("worker on queue") == WORKERS)
        yield made
    finally:
        made.stop()


async def asked(handle: WorkflowHandle) -> dict[int, tuple[str, int, int]]:
    """By the event: each activity that calls the model, its id, how many calls it makes, and how many at a time."""
    found = {}
    async for event in handle.fetch_history_events():
        said = event.activity_task_scheduled_event_attributes
        if said.activity_type.name == "generate":
            found[event.event_id] = (said.activity_id, 1, 1)
        elif said.activity_type.name == "generate_several":
            given = json.loads(said.input.payloads[0].data)
            found[event.event_id] = (said.activity_id, len(given["calls"]), given["places"])
    return found


async def calls_of(handle: WorkflowHandle) -> Counter[str]:
    """How many calls of the model each worker has made, by its identity."""
    made, done = await asked(handle), Counter[str]()
    async for event in handle.fetch_history_events():
        ended = event.activity_task_completed_event_attributes
        if ended.scheduled_event_id in made:
            said = json.loads(ended.result.payloads[0].data)
            done[ended.identity] += len(said["outcomes"]) if "outcomes" in said else 1
    return done


async def in_hand(handle: WorkflowHandle) -> dict[str, str]:
    """The activities that are under way now, by their ids, each with the identity of its worker."""
    pending = (await handle.describe()).raw_description.pending_activities
    begun = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
    return {one.activity_id: one.last_worker_identity for one in pending if one.state == begun}


def exact(crew: Crew, name: str) -> bool:
    """Whether the artifact has each item once."""
    rows = (crew.folder / "store" / name / "artifact.jsonl").read_text().splitlines()
    return len(rows) == len({json.loads(row)["id"] for row in rows}) == BATCHES


@pytest.mark.timeout(120)
async def test_four_processes_share_the_calls_of_a_run(crew, model):
    handle = await crew.start("shared")
    assert (await handle.result())["items"] == BATCHES and exact(crew, "shared")
    done, pids = await calls_of(handle), crew.pids()
    assert done.total() == BATCHES == model.stats()["answered"] and len(done) == WORKERS
    assert min(done.values()) >= BATCHES / WORKERS / 2, done
    assert crew.stop() == 0 and len(pids) == WORKERS and not any(lives(pid) for pid in pids)


@pytest.mark.timeout(120)
async def test_a_killed_process_costs_its_calls_in_flight_is_replaced_and_none_outlives_the_parent(crew, model):
    handle = await crew.start("killed")
    until(lambda: model.stats()["answered"] >= BATCHES // 4)
    victim, _ = Counter((await in_hand(handle)).values()).most_common(1)[0]
    os.kill(int(victim.partition("@")[0]), signal.SIGSTOP)  # so that its calls can be counted
    held = {name for name, worker in (await in_hand(handle)).items() if worker == victim}
    os.kill(int(victim.partition("@")[0]), signal.SIGKILL)
    lost = sum(places for name, _, places in (await asked(handle)).values() if name in held)
    assert (await handle.result())["items"] == BATCHES and exact(crew, "killed")
    assert 0 < lost < IN_FLIGHT and model.stats()["answered"] <= BATCHES + lost
    assert "exit code -9, SIGKILL; another one starts in" in crew.said.read_text()
    until(lambda: crew.said.read_text().count("worker on queue") == WORKERS + 1)
    pids = crew.pids()
    crew.parent.kill()
    until(lambda: not any(lives(pid) for pid in pids), 20)
    assert len(pids) == WORKERS and crew.said.read_text().count("finishing the calls in flight") == WORKERS
