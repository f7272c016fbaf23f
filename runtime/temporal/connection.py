"""The connection of starter and workers, to the server that the Temporal CLI would use, too."""

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

from quire.commands import starter_command
from runtime.errors import SetupError
from runtime.temporal import embedded_server
from runtime.temporal.settings import get_server_home, get_server_port

DATA_CONVERTER = pydantic_data_converter


@dataclass(frozen=True)
class Connection:
    """A client and the server that it is connected to."""

    client: Client
    address: str
    web_ui: str | None
    """The Web UI's address; None if it is not known, as for any configured server."""
    embedded: bool
    """True if the server is an embedded one, started by us on this machine."""

    def build_run_url(self, workflow_id: str, run_id: str) -> str | None:
        """Return the address of a run's page in the Web UI; None if the Web UI's address is not known.

        With an empty `run_id` it is the page of the latest execution.
        """
        if self.web_ui is None:
            return None
        page = f"{self.web_ui}/namespaces/{self.client.namespace}/workflows/{quote(workflow_id, safe='')}"
        return f"{page}/{run_id}" if run_id else page


@asynccontextmanager
async def open_connection(*, start_embedded: bool) -> AsyncGenerator[Connection]:
    """Connect to the configured server, else to the local one, which `start_embedded` starts if it is not running.

    Raises SetupError if no server answers. An embedded server never replaces a configured one.
    """
    try:
        config: dict[str, Any] = dict(ClientConfig.load_client_connect_config())
    except (RuntimeError, ValueError) as error:
        raise SetupError(f"the Temporal configuration cannot be read: {error}") from None
    connect = _connect_configured(config) if config.get("target_host") else _connect_local(config, start_embedded)
    connection = await connect
    try:
        yield connection
    finally:
        await asyncio.sleep(0.1)  # the SDK's threads must finish before the interpreter ends: sdk-python#300


async def _connect_configured(config: dict[str, Any]) -> Connection:
    address = str(config["target_host"])
    try:
        client = await Client.connect(**config, data_converter=DATA_CONVERTER)
    except (RuntimeError, ValueError) as error:
        raise SetupError(
            f"no Temporal server answers at {address}, the address in TEMPORAL_ADDRESS or a Temporal profile; "
            f"start the server, correct the address, or unset it to use an embedded server ({str(error)[:200]})"
        ) from None
    return Connection(client, address, web_ui=None, embedded=False)


async def _connect_local(config: dict[str, Any], start_embedded: bool) -> Connection:
    port = get_server_port()
    address = f"{embedded_server.HOST}:{port}"
    config = config | {"target_host": address, "data_converter": DATA_CONVERTER}
    try:
        client = await Client.connect(**config)
    except RuntimeError:
        if not start_embedded:
            start = starter_command("up")
            raise SetupError(f"no Temporal server answers at {address}; start one with: {start}") from None
        await embedded_server.start_server(get_server_home(), port)
        client = await Client.connect(**config)
    with suppress(RPCError):
        if not await embedded_server.has_search_attributes(client):
            await embedded_server.prepare_namespace(client)
    web_ui = f"http://{embedded_server.HOST}:{port + 1000}"
    return Connection(client, address, web_ui, embedded=(get_server_home() / "temporal.pid").exists())
