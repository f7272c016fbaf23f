"""The simulator in a thread, for tests and benchmarks."""

import json
import socket
import threading
import time
import urllib.request
from typing import Any

import uvicorn

from simulator.http_app import Simulator
from simulator.options import Options


def open_socket(port: int) -> socket.socket:
    """Open a loopback socket; port 0 takes a free one."""
    # asyncio disables Nagle's algorithm only if the protocol is named; otherwise an answer waits 40 ms for an ACK
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    return sock


def build_server(simulator: Simulator) -> uvicorn.Server:
    """Return a server that logs nothing. It keeps connections longer than clients do, so that it never closes one in
    use, and stops within a second even if answers are slow."""
    config = uvicorn.Config(
        simulator.build_app(),
        log_level="critical",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


class SimulatorServer:
    """A simulator on a free port: `with SimulatorServer(Options(...)) as server:` serves at `server.base_url`."""

    def __init__(self, options: Options | None = None, port: int = 0) -> None:
        self.simulator = Simulator(options or Options())
        self._socket = open_socket(port)
        self._server = build_server(self.simulator)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.base_url = f"{self.address}/v1"

    def stats(self) -> dict[str, Any]:
        """Return the answer of `/stats`."""
        with urllib.request.urlopen(f"{self.address}/stats", timeout=10) as answer:
            return json.load(answer)

    def __enter__(self) -> "SimulatorServer":
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()
