"""Several worker processes on one host: restarted when they die, and never outliving the process that started them."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

MAX_PROCESSES = 64
EARLY_DEATH_SECONDS = 10.0
"""A process that dies within this time counts as never having worked."""
MAX_EARLY_DEATHS = 5
"""Early deaths in a row after which the process is not restarted, and all others are stopped."""
RESTART_PAUSE, LONGEST_RESTART_PAUSE = 0.5, 30.0
"""Seconds before a dead process is restarted; the pause doubles with each early death."""
SETUP_ERROR_CODE = 2
"""The exit code of a worker that has printed what a person must fix."""


class ProcessEnd(NamedTuple):
    """The end of a worker process."""

    process: str
    """Which one: `worker process 3 (pid 4711)`."""
    code: int
    reason: str


async def supervise_processes(count: int, command: Sequence[str]) -> int:
    """Keep `count` processes of `command` running until SIGINT or SIGTERM, let them drain, and return an exit code.

    The command must call `stop_when_stdin_closes`: a process is stopped by closing its standard input, which we do, or
    the system does when we are killed.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    numbers = range(1, count + 1)
    return max(await asyncio.gather(*(_keep_process_running(number, command, stop) for number in numbers)))


async def _keep_process_running(number: int, command: Sequence[str], stop: asyncio.Event) -> int:
    """Run one process after another until `stop` is set; set it if the processes keep dying."""
    early_deaths, is_first = 0, True
    while not stop.is_set():
        started = time.monotonic()
        end = await _run_process(number, command, stop)
        if stop.is_set():
            drained = end.code in (0, -signal.SIGTERM)  # the signal itself, if it came before its handler was installed
            return 0 if drained else _print_error(f"{end.process} did not drain: {end.reason}", 1)
        early_deaths = early_deaths + 1 if time.monotonic() - started < EARLY_DEATH_SECONDS else 0
        if early_deaths == MAX_EARLY_DEATHS or (is_first and end.code == SETUP_ERROR_CODE):
            stop.set()
            code = SETUP_ERROR_CODE if is_first else 1
            return _print_error(f"{end.process} ended: {end.reason}; stopping all worker processes", code)
        is_first, pause = False, min(LONGEST_RESTART_PAUSE, RESTART_PAUSE * 2**early_deaths)
        _print_error(f"{end.process} ended by itself: {end.reason}; restarting it in {pause:g} s")
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
    return 0


async def _run_process(number: int, command: Sequence[str], stop: asyncio.Event) -> ProcessEnd:
    """Start a process and wait until it ends, by itself or because `stop` was set."""
    name = f"worker process {number}"
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches it only through us
        )
    except OSError as error:  # the host is out of memory or processes; the other workers live on
        return ProcessEnd(name, 1, f"it cannot be started, {error.strerror}")
    ended, stopping = asyncio.create_task(process.wait()), asyncio.create_task(stop.wait())
    await asyncio.wait((ended, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    assert process.stdin is not None
    process.stdin.close()
    code = await ended
    reason = f"exit code {code}" + (f", {signal.Signals(-code).name}" if -code in set(signal.Signals) else "")
    return ProcessEnd(f"{name} (pid {process.pid})", code, reason)


def _print_error(message: str, code: int = 0) -> int:
    """Print a message on standard error and return `code`."""
    print(message, file=sys.stderr, flush=True)
    return code


def stop_when_stdin_closes(drain_seconds: float) -> None:
    """Treat the end of standard input as SIGTERM, and end this process if it has not ended `drain_seconds` later."""

    def wait_for_end() -> None:
        with suppress(OSError):
            while os.read(0, 4096):
                pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(drain_seconds)
        os._exit(_print_error(f"process {os.getpid()} did not drain within {drain_seconds:g} s and is ended", 1))

    threading.Thread(target=wait_for_end, daemon=True).start()
