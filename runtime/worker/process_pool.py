"""Several worker processes on one host: each is started afresh, watched, and never outlives the one that started it."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

MOST = 64
QUICK = 10.0
"""A process that dies within so many seconds never got going."""
QUICK_DEATHS = 5
"""So many in a row, and starting yet another one would help nobody."""
PAUSE, LONGEST_PAUSE = 0.5, 30.0
MISTAKE = 2
"""The exit code of a worker that has said what a person must mend."""


class End(NamedTuple):
    """How a process ended."""

    who: str
    code: int
    why: str


async def supervise(count: int, command: Sequence[str]) -> int:
    """Keep `count` processes of `command` up until SIGINT or SIGTERM, then let them drain; an exit code.

    The command must call `end_with_stdin`: each process is told to stop by the end of its standard input, which comes
    when we close it, and by itself when we are killed.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return max(await asyncio.gather(*(_keep_up(number, command, stop) for number in range(1, count + 1))))


async def _keep_up(number: int, command: Sequence[str], stop: asyncio.Event) -> int:
    """One process after another until told to stop; where one is given up, all are told to stop."""
    deaths, first = 0, True
    while not stop.is_set():
        began = time.monotonic()
        end = await _lived(number, command, stop)
        if stop.is_set():
            fine = end.code in (0, -signal.SIGTERM)  # the signal itself, where it was told before it could listen
            return 0 if fine else _say(f"{end.who} did not drain: {end.why}", 1)
        deaths = deaths + 1 if time.monotonic() - began < QUICK else 0
        if deaths == QUICK_DEATHS or (first and end.code == MISTAKE):
            stop.set()
            return _say(f"{end.who} ended: {end.why}; stopping all", MISTAKE if first else 1)
        first, pause = False, min(LONGEST_PAUSE, PAUSE * 2**deaths)
        _say(f"{end.who} ended by itself: {end.why}; another one starts in {pause:g} s")
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
    return 0


async def _lived(number: int, command: Sequence[str], stop: asyncio.Event) -> End:
    """Start a process; how it ended, by itself or after it was told to stop."""
    who = f"worker process {number}"
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches it through us alone
        )
    except OSError as error:  # the host is out of memory or processes; the others live on
        return End(who, 1, f"it cannot be started, {error.strerror}")
    ended, told = asyncio.create_task(process.wait()), asyncio.create_task(stop.wait())
    await asyncio.wait((ended, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    assert process.stdin is not None
    process.stdin.close()
    code = await ended
    why = f"exit code {code}" + (f", {signal.Signals(-code).name}" if -code in set(signal.Signals) else "")
    return End(f"{who} (pid {process.pid})", code, why)


def _say(words: str, code: int = 0) -> int:
    print(words, file=sys.stderr, flush=True)
    return code


def end_with_stdin(patience: float) -> None:
    """From now on the end of standard input is as good as SIGTERM; `patience` seconds later the process is ended."""

    def wait() -> None:
        with suppress(OSError):
            while os.read(0, 4096):
                pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(patience)
        os._exit(_say(f"process {os.getpid()} did not drain within {patience:g} s and is ended", 1))

    threading.Thread(target=wait, daemon=True).start()
