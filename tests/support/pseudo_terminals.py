"""Programs on a pseudo-terminal, typed at as a person does."""

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

from runtime.paths import ROOT
from tests.support.shell import Shell
from tests.support.waiting import wait_until

SHELL_COMMANDS = {
    "bash": ["bash", "--noprofile", "--norc", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}


class PseudoTerminal:
    """A program on its own pseudo-terminal."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], cwd: Path) -> None:
        self.output, self._has_ended = "", False
        self._pid, self._descriptor = pty.fork()
        if self._pid == 0:
            os.chdir(cwd)
            os.execvpe(command[0], [*command], dict(env))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the program if the test has failed."""
        if not self._has_ended:
            self.close()

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._descriptor, text.encode())

    def wait_until(self, true) -> None:
        """Read on until `true()` is true. Raises AssertionError with the output so far."""
        try:
            wait_until(lambda: self._read() or true())
        except AssertionError:
            raise AssertionError(self.output) from None

    def _read(self) -> None:
        if select.select([self._descriptor], [], [], 0.02)[0]:
            with suppress(OSError):  # it has ended
                self.output += os.read(self._descriptor, 65536).decode(errors="replace")

    def wait_for_exit(self) -> int:
        """Wait until the program has ended by itself and return its exit code."""
        codes: list[int] = []

        def has_ended() -> bool:
            pid, code = os.waitpid(self._pid, os.WNOHANG)
            codes.extend([os.waitstatus_to_exitcode(code)] if pid else [])
            self._has_ended = bool(pid)
            return self._has_ended

        self.wait_until(has_ended)
        self._read()
        os.close(self._descriptor)
        return codes[0]

    def close(self) -> None:
        """Hang up, and wait for the program to end."""
        os.kill(self._pid, signal.SIGHUP)
        wait_until(lambda: self._read() or os.waitpid(self._pid, os.WNOHANG)[0])
        os.close(self._descriptor)


class StarterProgram(PseudoTerminal):
    """A command of the starter that asks questions."""

    def __init__(self, shell: Shell, *words: str, columns: str = "200") -> None:
        env = {**shell.env, "TERM": "dumb", "COLUMNS": columns}
        super().__init__([sys.executable, str(ROOT / "starter.py"), *words], env, shell.cwd)
        self._read_to = 0

    def answer(self, question: str, words: str) -> None:
        """Wait for the question and answer it."""
        self.wait_until(lambda: question in self.output[self._read_to :])
        self._read_to = self.output.index(question, self._read_to) + len(question)
        self.wait_until(lambda: self.output[self._read_to :].rstrip("\r\n").endswith("]: ") or question.endswith("]: "))
        self._read_to = len(self.output)
        self.type(words if words == "\x04" else f"{words}\n")


class InteractiveShell(PseudoTerminal):
    """An interactive shell."""

    def __init__(self, shell: str, env: Mapping[str, str], cwd: Path, notes: Path) -> None:
        if shutil.which(shell) is None:
            pytest.skip(f"{shell} is not installed")
        own = {"TERM": "xterm", "PS1": "$ ", "HOME": str(notes.parent), "INPUTRC": "/dev/null", "EDITOR": "emacs"}
        super().__init__(SHELL_COMMANDS[shell], {**env, **own}, cwd)
        self.shell, self._notes, self._count = shell, notes, 0
        self.line("true")

    def line(self, text: str) -> str:
        """Press these keys, Tab among them, and return what the line has become; it is not run."""
        self._count += 1
        note = self._notes.with_name(f"{self._notes.name}-{self._count}")
        self.type(f"{text}\x01echo \x05 > {note}; echo > {note}.done\r")
        self.wait_until(Path(f"{note}.done").exists)
        return note.read_text().strip()
