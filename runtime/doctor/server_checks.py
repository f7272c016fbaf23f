"""What `doctor` looks at on the Temporal server: address, namespace, search attributes, workers."""

import os
import socket
from pathlib import Path
from typing import Any

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, GetSystemInfoRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError, RPCStatusCode

from quire.contracts import WORKFLOW
from runtime.doctor.finding import Remark
from runtime.errors import SetupError
from runtime.temporal import embedded_server
from runtime.temporal.diagnosis import others
from runtime.temporal.settings import TASK_QUEUE, home, port

ATTRIBUTE = "temporal operator search-attribute create --name {} --type {}"
NAMES = {1: "Text", 2: "Keyword", 3: "Int"}


async def server() -> list[Remark]:
    """Where it is, who says so, and what is there."""
    try:
        config: dict[str, Any] = dict(ClientConfig.load_client_connect_config())
    except (RuntimeError, ValueError) as error:
        mend = "mend the file that TEMPORAL_CONFIG_FILE or TEMPORAL_PROFILE leads to"
        return [Remark("server", "wrong", f"the Temporal configuration cannot be read: {error}", mend)]
    configured = config.get("target_host")
    if not configured:
        config["target_host"] = f"{embedded_server.HOST}:{port()}"
    try:
        client = await Client.connect(**config)
    except (RuntimeError, ValueError):
        return [_away(str(configured)) if configured else _none_yet()]
    return [
        await _which(client, str(config["target_host"]), bool(configured)),
        *await _namespace(client),
        *await _attributes(client),
        *await _workers(client),
    ]


def _away(address: str) -> Remark:
    who = _who()
    mend = f"start it, mend {who}, or unset that to use an embedded server"
    return Remark("server", "wrong", f"nothing answers at {address}, which {who} names", mend)


def _who() -> str:
    return "TEMPORAL_ADDRESS" if os.environ.get("TEMPORAL_ADDRESS") else "the Temporal profile"


def _none_yet() -> Remark:
    """No server is configured and none runs: one can be started if its binary is there and its ports are free."""
    try:
        binary = Path(embedded_server.binary()).name
    except SetupError as error:
        return Remark("server", "wrong", str(error), "uv sync")
    taken = [number for number in (port(), port() + 1000) if _taken(number)]
    if taken:
        said = f"port {taken[0]} is taken by something that is no Temporal server"
        return Remark("server", "wrong", said, "end that program, or choose another port: export QUIRE_PORT=7433")
    return Remark(
        "server", "ok", f"none at {embedded_server.HOST}:{port()}; a run starts one ({binary}, data in {home()})"
    )


def _taken(number: int) -> bool:
    with socket.socket() as tried:
        tried.settimeout(1)
        return tried.connect_ex((embedded_server.HOST, number)) == 0


async def _which(client: Client, address: str, configured: bool) -> Remark:
    info = await client.workflow_service.get_system_info(GetSystemInfoRequest())
    ours = not configured and (home() / "temporal.pid").exists()
    said = _who() if configured else "QUIRE_PORT" if os.environ.get("QUIRE_PORT") else "the usual port"
    kind = f"embedded, data in {home()}" if ours else "not embedded"
    return Remark("server", "ok", f"{address} (by {said}), {kind}, version {info.server_version}")


async def _namespace(client: Client) -> list[Remark]:
    what, name = "namespace", client.namespace
    try:
        found = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=name))
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            mend = f"temporal operator namespace create --namespace {name}, or set TEMPORAL_NAMESPACE"
            return [Remark(what, "wrong", f"{name} is not there", mend)]
        return [Remark(what, "note", f"{name}; the server does not tell more: {error.message}")]
    days = found.config.workflow_execution_retention_ttl.seconds // 86_400
    return [Remark(what, "ok", f"{name}, which keeps ended runs for {days} day(s)")]


async def _attributes(client: Client) -> list[Remark]:
    what = "search attributes"
    try:
        if await embedded_server.search_attributes_known(client):
            return [Remark(what, "ok", "the four of Quire are there")]
    except RPCError as error:
        return [Remark(what, "note", f"the server does not tell: {error.message}")]
    mend = "; ".join(ATTRIBUTE.format(name, NAMES[kind]) for name, kind in embedded_server.SEARCH_ATTRIBUTES.items())
    return [Remark(what, "note", "not there: runs work, but the server's list does not show how far they are", mend)]


async def _workers(client: Client) -> list[Remark]:
    what = "worker"
    try:
        found = await others(client, TASK_QUEUE)
        query = f"WorkflowType = '{WORKFLOW}' AND ExecutionStatus = 'Running'"
        live = (await client.count_workflows(query)).count
    except RPCError as error:
        return [Remark(what, "note", f"the server does not tell: {error.message}")]
    if found:
        identity, age = min(found, key=lambda one: one[1])
        seen = f"{identity}, seen {age:.0f} s ago"
        return [Remark(what, "ok", f"{len(found)} on queue {TASK_QUEUE}, the last {seen}")]
    if live:
        said = f"none on queue {TASK_QUEUE}, and {live} unfinished run(s) wait for one"
        return [Remark(what, "wrong", said, "uv run starter.py up, or uv run worker.py")]
    return [Remark(what, "ok", f"none on queue {TASK_QUEUE}, and none is needed: run and watch bring their own")]
