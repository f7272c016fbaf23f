"""The embedded server can be reached from this machine only."""

import sys
from pathlib import Path

import pytest

LOOPBACK = "0100007F"
LISTENS = "0A"


def find_listening_addresses(pid: int) -> set[str]:
    """Return the local addresses, in hex, on which a process listens, of both address families."""
    links = Path(f"/proc/{pid}/fd").iterdir() if Path(f"/proc/{pid}").exists() else ()
    sockets = {str(link.readlink()) for link in links}
    rows = [row.split() for kind in ("tcp", "tcp6") for row in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]]
    return {row[1] for row in rows if row[3] == LISTENS and f"socket:[{row[9]}]" in sockets}


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells it")
def test_server_and_web_ui_listen_on_loopback_only(shell):
    shell(*shell.run_words("detached", "--detach"))
    addresses = find_listening_addresses(int((shell.home / "temporal.pid").read_text()))
    ports = {int(address.partition(":")[2], 16) for address in addresses}
    assert {int(shell.env["QUIRE_PORT"]), int(shell.env["QUIRE_PORT"]) + 1000} <= ports
    assert {address.partition(":")[0] for address in addresses} == {LOOPBACK}
