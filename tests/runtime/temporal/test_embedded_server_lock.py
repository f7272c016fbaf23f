"""A home has one server, whatever the port, and a port that somebody else has is told at once."""

import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.ports import find_free_port
from tests.support.servers import START_SERVER
from tests.support.shell import Shell

SECRET = "sk-canary-4b7f0c2d9e8a1635"


@pytest.fixture
def mute() -> Generator[int]:
    """A port at which a program listens that never answers."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def start(shell: Shell, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(START_SERVER, env=shell.env | changes, capture_output=True, text=True, timeout=60)


def read_number(shell: Shell, name: str) -> int:
    return int((shell.home / name).read_text())


def is_alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells it")
def test_a_home_has_one_private_server_whatever_the_port(shell):
    assert start(shell, OPENAI_API_KEY=SECRET, TEMPORAL_API_KEY=SECRET).returncode == 0
    pid, port = read_number(shell, "temporal.pid"), read_number(shell, "temporal.port")
    assert str(port) == shell.env["QUIRE_PORT"]

    environment = Path(f"/proc/{pid}/environ").read_text() + Path(f"/proc/{pid}/cmdline").read_text()
    assert SECRET not in environment and "PATH=" in environment
    assert stat.S_IMODE(shell.home.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in shell.home.glob("*") if file.is_file()} == {0o600}

    other = str(find_free_port())
    second = start(shell, QUIRE_PORT=other)
    assert f"port {port} (process {pid})" in second.stderr and f"QUIRE_PORT={port}" in second.stderr
    shell.env["QUIRE_PORT"] = other
    listing = shell("list")
    assert listing.returncode == 2 and f"QUIRE_PORT={port}" in listing.stderr
    assert read_number(shell, "temporal.pid") == pid and is_alive(pid)

    assert shell("down").stdout == "stopped\n" and not is_alive(pid)
    assert "no embedded server" in shell("down").stdout
    assert start(shell).returncode == 0 and read_number(shell, "temporal.port") == int(other)


def test_starting_twice_at_once_gives_one_server(shell):
    commands = [subprocess.Popen(START_SERVER, env=shell.env) for _ in range(3)]
    assert [command.wait(60) for command in commands] == [0, 0, 0]
    os.kill(read_number(shell, "temporal.pid"), 0)


@pytest.mark.parametrize("distance", [0, 1000])
def test_a_program_on_a_port_of_the_server_is_told_within_five_seconds(shell, mute, distance):
    shell.env["QUIRE_PORT"] = str(mute - distance)
    started = time.monotonic()
    answer = shell("list") if distance == 0 else shell(*shell.run_words("none", "--detach"))
    assert time.monotonic() - started < 8, "five seconds, and those of Python's own start on a busy machine"
    assert answer.returncode == 2
    assert f"port {mute}" in answer.stderr and "set QUIRE_PORT" in answer.stderr
    assert sys.platform != "linux" or f"process {os.getpid()} (" in answer.stderr
