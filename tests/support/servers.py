"""The embedded Temporal server, started as a command of the starter starts it."""

import os
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from temporalio.client import Client

from quire.progress import Result
from quire.request import Request
from runtime import logs
from runtime.temporal import embedded_server
from runtime.temporal.connection import open_connection
from runtime.worker.host import host_worker
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.support.ports import find_free_port
from tests.support.runs import start_run

START_SERVER = (sys.executable, "-m", "tests.support.programs.start_server")
"""The command that starts the embedded server at the home and the port of its environment."""


@asynccontextmanager
async def run_embedded_server() -> AsyncGenerator[tuple[Client, str]]:
    """Run an embedded server with its own home and port; yield a client of it and a folder for a store."""
    os.environ.pop("OPENAI_API_KEY", None)
    logs.configure_logging()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        os.environ |= {"QUIRE_HOME": str(home), "QUIRE_PORT": str(find_free_port())}
        try:
            async with open_connection(start_embedded=True) as connection:
                yield connection.client, str(Path(folder) / "store")
        finally:
            await embedded_server.stop_server(home)


async def run_with_simulator(
    client: Client, request: Request, name: str, options: Options
) -> tuple[Result, dict[str, Any]]:
    """Run a request with its own worker and simulator; return the result and the simulator's counts."""
    with SimulatorServer(options) as model:
        os.environ["OPENAI_BASE_URL"] = model.base_url
        async with host_worker(client):
            result = await (await start_run(client, request, name)).result()
        return result, model.stats()
