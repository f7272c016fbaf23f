"""Free ports, which no other test process picks at the same time."""

import os
import random
import socket
from collections.abc import Iterator
from functools import cache
from itertools import cycle, islice


def find_free_port() -> int:
    """Return a free port whose neighbour 1000 above, for the Web UI, is free too.

    All are below the range from which the system takes ports for clients. Raises RuntimeError after 100 attempts."""
    for port in islice(_candidate_ports(), 100):
        with socket.socket() as server, socket.socket() as web_ui:
            try:
                server.bind(("127.0.0.1", port))
                web_ui.bind(("127.0.0.1", port + 1000))
            except OSError:
                continue
            return port
    raise RuntimeError("no free pair of ports")


@cache
def _candidate_ports() -> Iterator[int]:
    """Cycle through the ports of this xdist process, in random order.

    Each process has its own: a port is bound some time after it is picked, so no other process may pick it. They are
    in the even thousands; their neighbours 1000 above are in the odd ones, from which none is picked."""
    worker, workers = os.environ.get("PYTEST_XDIST_WORKER", "gw0"), os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    number, count = int(worker.removeprefix("gw")), int(workers)
    ports = [port for port in range(20_000, 30_000) if port // 1000 % 2 == 0 and port % count == number]
    return cycle(random.SystemRandom().sample(ports, len(ports)))
