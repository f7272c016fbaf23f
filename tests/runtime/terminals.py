"""Programs on a terminal of their own, typed at as a person does."""

import os
import pty
import select
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

from tests.conftest import ROOT
from tests.runtime.conftest import Shell, until

START = {
    "bash": ["bash", "--noprofile", "--norc", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}


class Pty:
    """A program on a terminal of its own."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], cwd: Path) -> None:
        self.seen, self._over = "", False
        self._pid, self._there = pty.fork()
        if self._pid == 0:
            os.chdir(cwd)
            os.execvpe(command[0], [*command], dict(env))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """It does not outlive a test that fails."""
        if not self._over:
            self.close()

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._there, text.encode())

    def wait(self, true) -> None:
        """Read on until `true()`."""
        try:
            until(lambda: self._read() or true())
        except AssertionError:
            raise AssertionError(self.seen) from None

    def _read(self) -> None:
        if select.select([self._there], [], [], 0.02)[0]:
            with suppress(OSError):  # it has ended
                self.seen += os.read(self._there, 65536).decode(errors="replace")

    def ended(self) -> int:
        """Its exit code, when it has ended by itself."""
        found: list[int] = []

        def has_ended() -> bool:
            pid, code = os.waitpid(self._pid, os.WNOHANG)
            found.extend([os.waitstatus_to_exitcode(code)] if pid else [])
            self._over = bool(pid)
            return self._over

        self.wait(has_ended)
        self._read()
        os.close(self._there)
        return found[0]

    def close(self) -> None:
        """Hang up."""
        os.kill(self._pid, signal.SIGHUP)
        until(lambda: self._read() or os.waitpid(self._pid, os.WNOHANG)[0])
        os.close(self._there)


class Program(Pty):
    """A command of ours that asks."""

    def __init__(self, shell: Shell, *words: str, columns: str = "200") -> None:
        env = {**shell.env, "TERM": "dumb", "COLUMNS": columns}
        super().__init__([sys.executable, str(ROOT / "starter.py"), *words], env, shell.cwd)
        self._read_to = 0

    def answer(self, question: str, words: str) -> None:
        """Wait for the question and answer it."""
        self.wait(lambda: question in self.seen[self._read_to :])
        self._read_to = self.seen.index(question, self._read_to) + len(question)
        self.wait(lambda: self.seen[self._read_to :].rstrip("\r\n").endswith("]: ") or question.endswith("]: "))
        self._read_to = len(self.seen)
        self.type(words if words == "\x04" else f"{words}\n")


class Terminal(Pty):
    """One interactive shell."""

    def __init__(self, shell: str, env: Mapping[str, str], cwd: Path, notes: Path) -> None:
        if shutil.which(shell) is None:
            pytest.skip(f"{shell} is not installed")
        own = {"TERM": "xterm", "PS1": "$ ", "HOME": str(notes.parent), "INPUTRC": "/dev/null", "EDITOR": "emacs"}
        super().__init__(START[shell], {**env, **own}, cwd)
        self.shell, self._notes, self._count = shell, notes, 0
        self.line("true")

    def line(self, text: str) -> str:
        """Press these keys, Tab among them; what the line has become, which is not run."""
        self._count += 1
        note = self._notes.with_name(f"{self._notes.name}-{self._count}")
        self.type(f"{text}\x01echo \x05 > {note}; echo > {note}.done\r")
        self.wait(Path(f"{note}.done").exists)
        return note.read_text().strip()
