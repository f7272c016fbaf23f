"""The connection of starter and workers, to the server that the Temporal CLI would use, too."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError

from activities.known_secrets import redact_text, remember_secret
from quire.commands import starter_command
from runtime.errors import SetupError
from runtime.temporal import embedded_server
from runtime.temporal.port_holders import describe_port_holder, is_listening
from runtime.temporal.redacting_converter import DATA_CONVERTER
from runtime.temporal.server_lock import find_server
from runtime.temporal.settings import get_server_home, get_server_port


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
    _remember_credentials(config)
    connect = _connect_configured(config) if config.get("target_host") else _connect_local(config, start_embedded)
    connection = await connect
    try:
        yield connection
    finally:
        await asyncio.sleep(0.1)  # the SDK's threads must finish before the interpreter ends: sdk-python#300


def _remember_credentials(config: dict[str, Any]) -> None:
    """Let the key and the headers of a Temporal profile be replaced wherever they appear."""
    remember_secret("TEMPORAL_API_KEY", str(config.get("api_key") or ""))
    for name, value in dict(config.get("rpc_metadata") or {}).items():
        remember_secret(f"TEMPORAL_GRPC_META_{name.upper()}", str(value))


async def _connect_configured(config: dict[str, Any]) -> Connection:
    address = str(config["target_host"])
    try:
        client = await Client.connect(**config, data_converter=DATA_CONVERTER)
    except (RuntimeError, ValueError) as error:
        reason = redact_text(str(error))[:200]
        raise SetupError(
            f"no Temporal server answers at {address}, the address in TEMPORAL_ADDRESS or a Temporal profile; "
            f"start the server, correct the address, or unset it to use an embedded server ({reason})"
        ) from None
    return Connection(client, address, web_ui=None, embedded=False)


async def _connect_patiently(config: dict[str, Any], port: int) -> Client:
    """Connect to what listens at a port: with patience if it is this home's server, which may be under load, else
    within seconds. Raises SetupError if it is another program."""
    own = find_server(get_server_home())
    is_own = own is not None and own.port == port
    seconds = embedded_server.START_SECONDS if is_own else embedded_server.ANSWER_SECONDS
    deadline = time.monotonic() + seconds
    while True:
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + deadline - time.monotonic()):
                return await Client.connect(**config)
        except (RuntimeError, TimeoutError):
            if is_own and time.monotonic() < deadline:  # it is starting
                await asyncio.sleep(0.05)
                continue
        holder = describe_port_holder(port)
        if is_own:
            raise SetupError(
                f"this home's server at port {port}, {holder}, does not answer within {seconds} s; stop it with: "
                f"{starter_command('down')}"
            )
        raise SetupError(
            f"port {port} is taken by {holder}, which does not answer as a Temporal server; set QUIRE_PORT to a free "
            "port (the Web UI has that plus 1000)"
        )


async def _connect_local(config: dict[str, Any], start_embedded: bool) -> Connection:
    port = get_server_port()
    address = f"{embedded_server.HOST}:{port}"
    config = config | {"target_host": address, "data_converter": DATA_CONVERTER}
    home = get_server_home()
    if not is_listening(embedded_server.HOST, port):
        own = find_server(home)
        if own is not None and own.port != port:
            raise SetupError(embedded_server.describe_other_port(own, home))
        if not start_embedded:
            start = starter_command("up")
            raise SetupError(f"no Temporal server answers at {address}; start one with: {start}")
        await embedded_server.start_server(home, port)
    client = await _connect_patiently(config, port)
    own = find_server(home)
    with suppress(RPCError):
        if not await embedded_server.has_search_attributes(client):
            await embedded_server.prepare_namespace(client)
    web_ui = f"http://{embedded_server.HOST}:{port + 1000}"
    return Connection(client, address, web_ui, embedded=own is not None and own.port == port)
