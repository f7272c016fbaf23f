"""A shell on a terminal of its own, typed at as a person does."""

import os
import pty
import select
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.runtime.conftest import until

START = {
    "bash": ["bash", "--noprofile", "--norc", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}


class Terminal:
    """One interactive shell."""

    def __init__(self, shell: str, env: Mapping[str, str], cwd: Path, notes: Path) -> None:
        if shutil.which(shell) is None:
            pytest.skip(f"{shell} is not installed")
        self.shell, self._notes = shell, notes
        self._count = 0
        self.seen = b""
        self._pid, self._there = pty.fork()
        if self._pid == 0:
            os.chdir(cwd)
            own = {"TERM": "xterm", "PS1": "$ ", "HOME": str(notes.parent), "INPUTRC": "/dev/null", "EDITOR": "emacs"}
            os.execvpe(START[shell][0], START[shell], {**env, **own})
        self.line("true")

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._there, text.encode())

    def line(self, text: str) -> str:
        """Press these keys, Tab among them; what the line has become, which is not run."""
        self._count += 1
        note = self._notes.with_name(f"{self._notes.name}-{self._count}")
        self.type(f"{text}\x01echo \x05 > {note}; echo > {note}.done\r")
        self.wait(Path(f"{note}.done").exists)
        return note.read_text().strip()

    def wait(self, true) -> None:
        """Read on until `true()`."""
        try:
            until(lambda: self._read() or true(), 20)
        except AssertionError:
            raise AssertionError(self.seen.decode(errors="replace")) from None

    def _read(self) -> None:
        if select.select([self._there], [], [], 0.02)[0]:
            self.seen += os.read(self._there, 65536)

    def close(self) -> None:
        """Hang up."""
        os.close(self._there)
        end = time.monotonic() + 5
        while os.waitpid(self._pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > end:
                os.kill(self._pid, 9)
            time.sleep(0.02)
