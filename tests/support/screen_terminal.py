"""A terminal in memory with a command running in it."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte

PATIENCE = 80.0


class ScreenTerminal:
    """A command on a screen of this many columns; what scrolls away is kept."""

    def __init__(self, words: Sequence[str], columns: int, env: Mapping[str, str], cwd: Path, lines: int = 50) -> None:
        self._screen = pyte.HistoryScreen(columns, lines, history=1000)
        self._stream = pyte.ByteStream(self._screen)
        self._columns, self.code = columns, None
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            variables = {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
            os.execvpe(words[0], list(words), variables | {"TERM": "xterm-256color"})
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def rows(self) -> list[str]:
        """Return all rows that are not empty, including those that have scrolled away."""
        gone = ["".join(row[n].data for n in range(self._columns)) for row in self._screen.history.top]
        return [row.rstrip() for row in [*gone, *self._screen.display] if row.strip()]

    def text(self) -> str:
        """Return the rows as one text."""
        return "\n".join(self.rows())

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._descriptor, keys.encode())

    def wait_until(self, true: Callable[[], object], seconds: float = PATIENCE) -> None:
        """Read on until `true()` is true. Raises AssertionError with the screen if that takes too long."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end and self._read(), f"ended, or waited too long:\n{self.text()}"

    def wait_for_exit(self, seconds: float = PATIENCE) -> int:
        """Read to the end and return the exit code."""
        end = time.monotonic() + seconds
        while self._read():
            assert time.monotonic() < end, f"it does not end:\n{self.text()}"
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self._descriptor)
        return self.code

    def close(self) -> None:
        """Kill the command if the test has failed."""
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self._descriptor)

    def _read(self) -> bool:
        if not select.select([self._descriptor], [], [], 0.1)[0]:
            return True
        try:
            data = os.read(self._descriptor, 65_536)
        except OSError:  # the other end is closed
            return False
        self._stream.feed(data)
        return bool(data)
