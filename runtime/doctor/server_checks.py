"""Checks of `doctor` on the Temporal server: address, namespace, search attributes, workers."""

import os
import socket
from operator import itemgetter
from pathlib import Path
from typing import Any

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, GetSystemInfoRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError, RPCStatusCode

from quire.commands import starter_command
from quire.contracts import RUN_WORKFLOW
from runtime.doctor.finding import Finding
from runtime.errors import SetupError
from runtime.temporal import embedded_server
from runtime.temporal.diagnosis import list_workers
from runtime.temporal.server_lock import find_server
from runtime.temporal.settings import TASK_QUEUE, get_server_home, get_server_port

CREATE_ATTRIBUTE = "temporal operator search-attribute create --name {} --type {}"
TYPE_NAMES = {1: "Text", 2: "Keyword", 3: "Int"}
"""The names that the Temporal CLI has for the types of search attributes."""


async def check_server() -> list[Finding]:
    """Check the Temporal server: its address and what configured it, namespace, search attributes, workers. No server
    is started."""
    try:
        config: dict[str, Any] = dict(ClientConfig.load_client_connect_config())
    except (RuntimeError, ValueError) as error:
        fix = "correct the file that TEMPORAL_CONFIG_FILE or TEMPORAL_PROFILE selects"
        return [Finding("server", "wrong", f"the Temporal configuration cannot be read: {error}", fix)]
    configured = config.get("target_host")
    if not configured:
        config["target_host"] = f"{embedded_server.HOST}:{get_server_port()}"
    try:
        client = await Client.connect(**config)
    except (RuntimeError, ValueError):
        return [_report_unreachable(str(configured)) if configured else _check_embedded_can_start()]
    return [
        await _describe_server(client, str(config["target_host"]), configured=bool(configured)),
        *await _check_namespace(client),
        *await _check_search_attributes(client),
        *await _check_workers(client),
    ]


def _report_unreachable(address: str) -> Finding:
    setting = _name_setting()
    fix = f"start it, correct {setting}, or unset that to use an embedded server"
    return Finding("server", "wrong", f"nothing answers at {address}, the address in {setting}", fix)


def _name_setting() -> str:
    """Name what configures the server's address."""
    return "TEMPORAL_ADDRESS" if os.environ.get("TEMPORAL_ADDRESS") else "the Temporal profile"


def _check_embedded_can_start() -> Finding:
    """Check that an embedded server could be started: its binary is installed and its ports are free."""
    try:
        binary = Path(embedded_server.find_temporal_binary()).name
    except SetupError as error:
        return Finding("server", "wrong", str(error), "uv sync")
    occupied = [number for number in (get_server_port(), get_server_port() + 1000) if _is_occupied(number)]
    if occupied:
        message = f"port {occupied[0]} is taken by a program that is not a Temporal server"
        return Finding("server", "wrong", message, "end that program, or choose another port: export QUIRE_PORT=7433")
    address = f"{embedded_server.HOST}:{get_server_port()}"
    return Finding("server", "ok", f"none at {address}; a run starts one ({binary}, data in {get_server_home()})")


def _is_occupied(number: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((embedded_server.HOST, number)) == 0


async def _describe_server(client: Client, address: str, *, configured: bool) -> Finding:
    info = await client.workflow_service.get_system_info(GetSystemInfoRequest())
    is_embedded = not configured and find_server(get_server_home()) is not None
    origin = _name_setting() if configured else "QUIRE_PORT" if os.environ.get("QUIRE_PORT") else "the default port"
    kind = f"embedded, data in {get_server_home()}" if is_embedded else "not embedded"
    return Finding("server", "ok", f"{address} (by {origin}), {kind}, version {info.server_version}")


async def _check_namespace(client: Client) -> list[Finding]:
    subject, name = "namespace", client.namespace
    try:
        namespace = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=name))
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            fix = f"temporal operator namespace create --namespace {name}, or set TEMPORAL_NAMESPACE"
            return [Finding(subject, "wrong", f"{name} does not exist", fix)]
        return [Finding(subject, "note", f"{name}; the server gives no details: {error.message}")]
    days = namespace.config.workflow_execution_retention_ttl.seconds // 86_400
    return [Finding(subject, "ok", f"{name}, which keeps ended runs for {days:,} day(s)")]


async def _check_search_attributes(client: Client) -> list[Finding]:
    subject = "search attributes"
    try:
        if await embedded_server.has_search_attributes(client):
            return [Finding(subject, "ok", "all of Quire's are registered")]
    except RPCError as error:
        return [Finding(subject, "note", f"the server does not list them: {error.message}")]
    types = embedded_server.SEARCH_ATTRIBUTES.items()
    fix = "; ".join(CREATE_ATTRIBUTE.format(name, TYPE_NAMES[kind]) for name, kind in types)
    return [Finding(subject, "note", "missing: runs work, but the server's list does not show their progress", fix)]


async def _check_workers(client: Client) -> list[Finding]:
    subject = "worker"
    try:
        workers = await list_workers(client, TASK_QUEUE)
        query = f"WorkflowType = '{RUN_WORKFLOW}' AND ExecutionStatus = 'Running'"
        live = (await client.count_workflows(query)).count
    except RPCError as error:
        return [Finding(subject, "note", f"the server does not list them: {error.message}")]
    if workers:
        identity, age = min(workers, key=itemgetter(1))
        latest = f"{identity}, seen {age:.0f} s ago"
        return [Finding(subject, "ok", f"{len(workers):,} on queue {TASK_QUEUE}, the last {latest}")]
    if live:
        message = f"none on queue {TASK_QUEUE}, and {live:,} unfinished run(s) wait for one"
        return [Finding(subject, "wrong", message, f"{starter_command('up')}, or uv run worker.py")]
    return [Finding(subject, "ok", f"none on queue {TASK_QUEUE}, and none is needed: run and watch bring their own")]
