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


def listening(port: int) -> socket.socket:
    """A loopback socket; port 0 takes a free one."""
    # asyncio turns Nagle's wait for an ACK off only where the protocol is named: else an answer waits 40 ms
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    return sock


def server(simulator: Simulator) -> uvicorn.Server:
    """A quiet server for it. It keeps connections for longer than clients do, so that it closes none under their hands,
    and ends at once though answers are slow."""
    config = uvicorn.Config(
        simulator.app(),
        log_level="critical",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


class SimulatorServer:
    """`with SimulatorServer(Options(...)) as s:` serves at `s.base_url` on a free port until the block ends."""

    def __init__(self, options: Options | None = None, port: int = 0) -> None:
        self.simulator = Simulator(options or Options())
        self._socket = listening(port)
        self._server = server(self.simulator)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.base_url = f"{self.address}/v1"

    def stats(self) -> dict[str, Any]:
        """What `/stats` says."""
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
