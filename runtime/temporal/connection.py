"""One connection for starter and worker, where the Temporal CLI would connect too."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError

from runtime.errors import SetupError
from runtime.temporal import embedded_server
from runtime.temporal.settings import home, port

DATA_CONVERTER = pydantic_data_converter


@dataclass(frozen=True)
class Connection:
    """A client, and where it leads."""

    client: Client
    address: str
    ui: str | None
    """The Web UI's address, where it is known: beside a local server."""
    embedded: bool
    """Whether the server is one of ours on this machine."""

    def run_url(self, workflow_id: str, run_id: str) -> str | None:
        """The run's page in the Web UI."""
        if self.ui is None:
            return None
        page = f"{self.ui}/namespaces/{self.client.namespace}/workflows/{quote(workflow_id, safe='')}"
        return f"{page}/{run_id}" if run_id else page


@asynccontextmanager
async def connected(*, start_embedded: bool) -> AsyncGenerator[Connection]:
    """A connection to the configured server, else to the local one, which is started where that is wanted.

    Raises SetupError where nothing answers; a configured address never gets an embedded server in its stead.
    """
    try:
        config: dict[str, Any] = dict(ClientConfig.load_client_connect_config())
    except (RuntimeError, ValueError) as error:
        raise SetupError(f"the Temporal configuration cannot be read: {error}") from None
    connection = await (_configured(config) if config.get("target_host") else _local(config, start_embedded))
    try:
        yield connection
    finally:
        await asyncio.sleep(0.1)  # the SDK's threads must finish before the interpreter ends: sdk-python#300


async def _configured(config: dict[str, Any]) -> Connection:
    address = str(config["target_host"])
    try:
        client = await Client.connect(**config, data_converter=DATA_CONVERTER)
    except (RuntimeError, ValueError) as error:
        raise SetupError(
            f"no Temporal server answers at {address}, which TEMPORAL_ADDRESS or a Temporal profile names; "
            f"start it, mend the address, or unset it to use an embedded server ({str(error)[:200]})"
        ) from None
    return Connection(client, address, None, False)


async def _local(config: dict[str, Any], start_embedded: bool) -> Connection:
    number = port()
    address = f"{embedded_server.HOST}:{number}"
    config = config | {"target_host": address, "data_converter": DATA_CONVERTER}
    try:
        client = await Client.connect(**config)
    except RuntimeError:
        if not start_embedded:
            raise SetupError(f"no Temporal server answers at {address}; start one with: uv run starter.py up") from None
        await embedded_server.start(home(), number)
        client = await Client.connect(**config)
    with suppress(RPCError):
        if not await embedded_server.search_attributes_known(client):
            await embedded_server.prepare(client)
    return Connection(
        client, address, f"http://{embedded_server.HOST}:{number + 1000}", (home() / "temporal.pid").exists()
    )
