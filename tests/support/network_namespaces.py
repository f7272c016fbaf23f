"""Hosts for tests: network namespaces on one bridge, in a namespace that nothing else reaches."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

COMMON_ADDRESS = "10.99.0.1"
"""The address of what the hosts share. It exists inside these namespaces only."""


class Network:
    """A namespace `common` with a bridge, and hosts on it."""

    def __init__(self) -> None:
        self._prefix = f"quire-{secrets.token_hex(3)}"
        self._running: list[subprocess.Popen[bytes]] = []
        self._namespaces: list[str] = []

    def create_hosts(self, hosts: Sequence[str]) -> None:
        """Create the bridge and the hosts. Raises CalledProcessError if namespaces are not allowed."""
        common = self._create_namespace("common")
        _run_ip("-n", common, "link", "add", "bridge0", "type", "bridge")
        _run_ip("-n", common, "addr", "add", f"{COMMON_ADDRESS}/24", "dev", "bridge0")
        _run_ip("-n", common, "link", "set", "bridge0", "up")
        for number, host in enumerate(hosts, 2):
            name = self._create_namespace(host)
            _run_ip("-n", common, "link", "add", host, "type", "veth", "peer", "name", "eth0", "netns", name)
            _run_ip("-n", common, "link", "set", host, "master", "bridge0", "up")
            _run_ip("-n", name, "addr", "add", f"10.99.0.{number}/24", "dev", "eth0")
            _run_ip("-n", name, "link", "set", "eth0", "up")

    def _create_namespace(self, host: str) -> str:
        name = f"{self._prefix}-{host}"
        _run_ip("netns", "add", name)
        self._namespaces.append(name)
        _run_ip("-n", name, "link", "set", "lo", "up")
        return name

    def _command(self, host: str, words: Sequence[str]) -> list[str]:
        return ["ip", "netns", "exec", f"{self._prefix}-{host}", *words]

    def run(self, host: str, *words: str, cwd: Path, env: Mapping[str, str]) -> str:
        """Run a command on a host and return its standard output."""
        command = self._command(host, words)
        ended = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def spawn(self, host: str, *words: str, cwd: Path, env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Start a process on a host whose output goes to a file; `tear_down` ends it at the latest."""
        with log.open("wb") as sink:
            process = subprocess.Popen(self._command(host, words), cwd=cwd, env=env, stdout=sink, stderr=sink)
        self._running.append(process)
        return process

    def tear_down(self) -> None:
        """Kill the processes and remove the namespaces."""
        for process in reversed(self._running):
            process.kill()
            process.wait()
        for name in self._namespaces:
            with suppress(subprocess.CalledProcessError):
                _run_ip("netns", "del", name)


def _run_ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=20)


@contextmanager
def open_network(hosts: Sequence[str]) -> Generator[Network]:
    """Yield a network with these hosts; skip the test if namespaces are not available."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("hosts of their own need network namespaces: Linux, root and `ip` (Debian's iproute2)")
    network = Network()
    try:
        try:
            network.create_hosts(hosts)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"network namespaces are not allowed here: {error.stderr.strip()}")
        yield network
    finally:
        network.tear_down()
