"""Hosts for tests: network namespaces on one bridge, which is in a namespace of its own that nobody else reaches."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

COMMON = "10.99.0.1"
"""The address of the namespace that holds what the hosts have in common. It exists inside these namespaces only."""


class Network:
    """A namespace `common` with a bridge, and hosts on it."""

    def __init__(self) -> None:
        self._prefix = f"quire-{secrets.token_hex(3)}"
        self._running: list[subprocess.Popen[bytes]] = []
        self._made: list[str] = []

    def set_up(self, hosts: Sequence[str]) -> None:
        """Raises CalledProcessError where namespaces are not allowed."""
        common = self._namespace("common")
        _ip("-n", common, "link", "add", "bridge0", "type", "bridge")
        _ip("-n", common, "addr", "add", f"{COMMON}/24", "dev", "bridge0")
        _ip("-n", common, "link", "set", "bridge0", "up")
        for number, host in enumerate(hosts, 2):
            name = self._namespace(host)
            _ip("-n", common, "link", "add", host, "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("-n", common, "link", "set", host, "master", "bridge0", "up")
            _ip("-n", name, "addr", "add", f"10.99.0.{number}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")

    def _namespace(self, host: str) -> str:
        name = f"{self._prefix}-{host}"
        _ip("netns", "add", name)
        self._made.append(name)
        _ip("-n", name, "link", "set", "lo", "up")
        return name

    def _command(self, host: str, words: Sequence[str]) -> list[str]:
        return ["ip", "netns", "exec", f"{self._prefix}-{host}", *words]

    def run(self, host: str, *words: str, cwd: Path, env: Mapping[str, str]) -> str:
        """A command on a host; its standard output."""
        command = self._command(host, words)
        ended = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def spawn(self, host: str, *words: str, cwd: Path, env: Mapping[str, str], said: Path) -> subprocess.Popen[bytes]:
        """A process on a host, whose words go to a file; it ends with the network at the latest."""
        with said.open("wb") as sink:
            process = subprocess.Popen(self._command(host, words), cwd=cwd, env=env, stdout=sink, stderr=sink)
        self._running.append(process)
        return process

    def take_down(self) -> None:
        """End what runs and remove what was made."""
        for process in reversed(self._running):
            process.kill()
            process.wait()
        for name in self._made:
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "del", name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=20)


@contextmanager
def network(hosts: Sequence[str]) -> Generator[Network]:
    """Such a network for the length of the block; the test is skipped where there cannot be one."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("hosts of their own need network namespaces: Linux, root and `ip` (Debian's iproute2)")
    made = Network()
    try:
        try:
            made.set_up(hosts)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"network namespaces are not allowed here: {error.stderr.strip()}")
        yield made
    finally:
        made.take_down()
