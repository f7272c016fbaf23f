"""A worker alone, for any Temporal server: `uv run worker.py`. Stops at Ctrl-C or SIGTERM, calls in flight first."""

import asyncio
import signal
import sys

from runtime import logs
from runtime.connect import connected
from runtime.errors import SetupError
from runtime.leaving import leave
from runtime.settings import TASK_QUEUE
from runtime.worker import hosted


async def work() -> None:
    """Poll until told to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with connected(start_embedded=False) as connection, hosted(connection.client) as worker:
        model = "the offline simulator: text is simulated" if worker.simulated else "the configured endpoint"
        print(f"worker on queue {TASK_QUEUE} at {connection.address}, with {model}", file=sys.stderr, flush=True)
        await stop.wait()
        print("finishing the calls in flight", file=sys.stderr, flush=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        print(__doc__ if sys.argv[1:] in (["-h"], ["--help"]) else "worker.py takes no arguments", file=sys.stderr)
        sys.exit(0 if sys.argv[1:] in (["-h"], ["--help"]) else 2)
    logs.configure()
    try:
        asyncio.run(work())
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        leave(2)
    leave(0)
