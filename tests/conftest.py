"""Fixtures that all tests share: a real Temporal server, a simulator, the command line."""

import sys
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from runtime.temporal import embedded_server
from runtime.temporal.redacting_converter import DATA_CONVERTER
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.support.shell import Shell


@pytest_asyncio.fixture(scope="session")
async def client() -> AsyncGenerator[Client]:
    """A client of a real server that lives as long as the test session."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
        dev_server_extra_args=list(embedded_server.SERVER_OPTIONS),
        data_converter=DATA_CONVERTER,
    ) as environment:
        await embedded_server.prepare_namespace(environment.client)
        yield environment.client


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Generator[SimulatorServer]:
    """A simulator that the workers of this process call."""
    with SimulatorServer(Options()) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        yield server


@pytest.fixture
def shell(tmp_path: Path) -> Generator[Shell]:
    """The command line, with a home for this test alone."""
    shell = Shell(tmp_path / "home")
    yield shell
    shell.close()
