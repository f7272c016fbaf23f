"""Workers for any Temporal server: `uv run worker.py` is one, `--processes 4` are four. They stop at Ctrl-C or SIGTERM,
calls in flight first."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from runtime import logs
from runtime.errors import SetupError
from runtime.temporal.connection import connected
from runtime.temporal.settings import TASK_QUEUE
from runtime.worker.host import GRACE, hosted
from runtime.worker.malloc import sparing
from runtime.worker.process_exit import leave
from runtime.worker.process_pool import MOST, end_with_stdin, supervise


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


def _number(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"it must be a number from 1 to {MOST}, found '{text}'")
    return int(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="worker.py", description=__doc__, allow_abbrev=False)
    parser.add_argument("--processes", type=_number, metavar="N", help=f"so many processes on this host, 1 to {MOST}")
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop when standard input ends, too")
    return parser.parse_args()


if __name__ == "__main__":
    given = _arguments()
    if given.processes:
        command = [sys.executable, str(Path(__file__).absolute()), "--until-stdin-closes"]
        leave(asyncio.run(supervise(given.processes, command)))
    if given.until_stdin_closes:
        end_with_stdin(GRACE.total_seconds() + 15)
    logs.configure()
    sparing()
    try:
        asyncio.run(work())
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        leave(2)
    leave(0)
