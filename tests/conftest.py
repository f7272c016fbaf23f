"""The real things: a Temporal server for the session, a simulator, a worker, a request."""

import json
import os
import random
import socket
import sys
from collections.abc import AsyncGenerator, Generator, Iterator
from functools import cache
from itertools import cycle, islice
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.documents.input_files import addresses
from quire.progress import Result
from quire.request import Request
from recipes.planning import Plan
from runtime.request import request_file
from runtime.temporal import embedded_server
from runtime.worker import host
from runtime.worker.host import hosted
from simulator.options import Options
from simulator.server import SimulatorServer

ROOT = Path(__file__).resolve().parent.parent
URS = ROOT / "examples" / "urs" / "chromatography.md"


@cache
def _ports() -> Iterator[int]:
    """The ports of this one of the processes that test side by side, again and again: those in even thousands, whose
    neighbours 1000 above are nobody's. What is picked is bound only later, so no other process may pick it."""
    one, of = os.environ.get("PYTEST_XDIST_WORKER", "gw0"), os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    own = [port for port in range(20_000, 30_000) if port // 1000 % 2 == 0 and port % int(of) == int(one[2:])]
    return cycle(random.SystemRandom().sample(own, len(own)))


def free_port() -> int:
    """A port whose neighbour 1000 above, the Web UI's, is free too; below those that the system gives to clients."""
    for port in islice(_ports(), 100):
        with socket.socket() as one, socket.socket() as two:
            try:
                one.bind(("127.0.0.1", port))
                two.bind(("127.0.0.1", port + 1000))
            except OSError:
                continue
            return port
    raise RuntimeError("no free pair of ports")


@pytest_asyncio.fixture(scope="session")
async def client() -> AsyncGenerator[Client]:
    """A client of a real server that lives as long as the tests."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
        dev_server_extra_args=list(embedded_server.SETTINGS),
        data_converter=pydantic_data_converter,
    ) as environment:
        await embedded_server.prepare(environment.client)
        yield environment.client


class Sandbox(SandboxedWorkflowRunner):
    """What refuses a workflow that asks for the clock, chance or the disk; outside the tests it is left out."""

    def __init__(self) -> None:
        passed = ("quire", "pydantic", "pydantic_core", "annotated_types")
        super().__init__(restrictions=SandboxRestrictions.default.with_passthrough_modules(*passed))


@pytest.fixture(autouse=True)
def sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of this process run workflows in the sandbox; those in processes of their own do not."""
    monkeypatch.setattr(host, "runner", Sandbox)


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Generator[SimulatorServer]:
    """A simulator that this process's workers talk to."""
    with SimulatorServer(Options()) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        yield server


def oq(store: Path, **changes: object) -> Request:
    """The example's request with an absolute path and a store of its own."""
    said: dict[str, object] = {
        "recipe": "oq_suite",
        "inputs": {"urs": str(URS), "gamp_category": 5},
        "target": 25,
        "output": {"store": str(store)},
    }
    return Request.model_validate(said | changes)


async def made(client: Client, request: Request, name: str, **options: object) -> Result:
    """Run a request to its end with a worker of its own."""
    async with hosted(client, **options):  # pyright: ignore[reportArgumentType]
        return await client.execute_workflow(
            "GenerateArtifact", request, id=name, task_queue="quire", result_type=Result
        )


def lay_out(said: dict[str, object], base: Path = ROOT / "examples") -> Plan:
    """The plan of a request; paths are relative to `examples/`."""
    return request_file.checked(said, base).plan


def example(name: str, store: Path, **changes: object) -> Request:
    """An example's request with absolute paths, a store of its own, and changes to its first level."""
    laid = request_file.load(ROOT / "examples" / f"{name}.yaml")
    said = laid.request.model_dump(mode="json") | changes
    said["output"] = said["output"] | {"store": str(store)}
    inputs = dict(said["inputs"])
    for field, path in addresses(Request.model_validate(said)).items():
        if not Path(path).is_absolute() and "://" not in path:
            inputs = _replaced(inputs, field.split("."), str(ROOT / "examples" / path))
    return Request.model_validate(said | {"inputs": inputs})


def _replaced(inputs: dict, path: list[str], value: str) -> dict:
    name, *rest = path
    return inputs | {name: _replaced(inputs[name], rest, value) if rest else value}


def lines(store: Path, name: str) -> list[dict]:
    """The items of a run's artifact.jsonl."""
    return [json.loads(row) for row in (store / name / "artifact.jsonl").read_text().splitlines()]


def said_to(simulator: SimulatorServer) -> list[str]:
    """The last message of each call that the simulator got; it must record."""
    return [body["messages"][-1]["content"] for body in simulator.simulator.bodies]
