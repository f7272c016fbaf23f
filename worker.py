"""Workers for any Temporal server: `uv run worker.py` runs one, `--processes 4` runs four. They stop at Ctrl-C or
SIGTERM, after the calls in flight."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from runtime import logs
from runtime.errors import SetupError
from runtime.temporal.connection import open_connection
from runtime.temporal.settings import TASK_QUEUE
from runtime.text.guarded_streams import guard_output
from runtime.worker.crash_file import write_crash_file
from runtime.worker.current_process import exit_now, limit_malloc_arenas
from runtime.worker.host import DRAIN_TIME, host_worker
from runtime.worker.process_pool import MAX_PROCESSES, stop_when_stdin_closes, supervise_processes

MARGIN_SECONDS = 15
"""How much longer than calls in flight a worker may take to end before its process is ended."""


async def work_until_stopped() -> None:
    """Run a worker until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_connection(start_embedded=False) as connection, host_worker(connection.client) as worker:
        model = "the offline simulator: text is simulated" if worker.simulated else "the configured endpoint"
        print(f"worker on queue {TASK_QUEUE} at {connection.address}, with {model}", file=sys.stderr, flush=True)
        await stop.wait()
        print("finishing the calls in flight", file=sys.stderr, flush=True)


def _parse_count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_PROCESSES:
        raise argparse.ArgumentTypeError(f"must be a number from 1 to {MAX_PROCESSES}, not '{text}'")
    return int(text)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="worker.py", description=__doc__, allow_abbrev=False)
    help = f"run N worker processes on this host, 1 to {MAX_PROCESSES}"
    parser.add_argument("--processes", type=_parse_count, metavar="N", help=help)
    parser.add_argument("--until-stdin-closes", action="store_true", help="also stop when standard input closes")
    return parser.parse_args()


def _run_worker(arguments: argparse.Namespace) -> int:
    """Run one worker or several, and return the exit code."""
    if arguments.processes:
        command = [sys.executable, str(Path(__file__).absolute()), "--until-stdin-closes"]
        return asyncio.run(supervise_processes(arguments.processes, command))
    if arguments.until_stdin_closes:
        stop_when_stdin_closes(DRAIN_TIME.total_seconds() + MARGIN_SECONDS)
    logs.configure_logging()
    limit_malloc_arenas()
    asyncio.run(work_until_stopped())
    return 0


def main() -> int:
    """Run what the command line asks for and return the exit code. No error is printed as a traceback."""
    with guard_output():
        try:
            return _run_worker(_parse_arguments())
        except SetupError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        except Exception as error:
            print(f"error: {write_crash_file(error)}", file=sys.stderr)
            return 1


if __name__ == "__main__":
    exit_now(main())
