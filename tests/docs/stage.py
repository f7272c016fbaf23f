"""Where a page is acted out: a copy of the repository with a terminal in it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.conftest import ROOT, free_port
from tests.docs import stand_ins
from tests.docs.terminal import Terminal

READER = "/home/you/quire"
"""Where a reader's copy is, in what a page shows."""
LEFT_OUT = (".*", "tests", "runs", "__pycache__", "uv.lock")
COLUMNS = "100"


class Stage:
    """One page's terminal. `path` is the copy of the repository."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.path, self._stack = path, stack
        self.port, self.spare = free_port(), free_port()
        self._env = self._environment()
        self._terminal = Terminal(path, self._env)
        stack.callback(self._end_server)
        stack.callback(self._terminal.close)
        self._real: dict[str, str] = {}
        """What stands in, by what the page says."""

    def _environment(self) -> dict[str, str]:
        away = ("OPENAI_", "TEMPORAL_", "QUIRE_", "AWS_", "VIRTUAL_ENV", "UV", "COLUMNS", "PYTHON", "COVERAGE")
        env = {key: value for key, value in os.environ.items() if not key.startswith(away)}
        uv = os.environ.get("UV") or shutil.which("uv")
        assert uv, "the pages' commands need uv: python3 -m pip install uv"
        # The copy has this environment, by a link; nothing is installed or asked of a network.
        env |= {"UV_NO_SYNC": "1", "UV_OFFLINE": "1", "UV_PYTHON": sys.executable}
        env |= {"PATH": f"{Path(uv).parent}{os.pathsep}{env['PATH']}", "HOME": str(self.path.parent)}
        return env | {"QUIRE_PORT": str(self.port), "COLUMNS": COLUMNS, "TERM": "dumb", "LC_ALL": "C.UTF-8"}

    def write(self, name: str, text: str) -> None:
        """A file of the page."""
        (self.path / name).write_text(self._stood_in(text), "utf-8")

    def run(self, command: str) -> tuple[list[str], int]:
        """A command of the page; its output in the page's words."""
        lines, status = self._terminal.run(self._stood_in(command))
        return [self._as_read(line) for line in lines], status

    def logs(self) -> str:
        """How each log of the page ends, and the server's."""
        files = [*self.path.glob("*.log"), *self.path.glob(".quire/*.log")]
        tails = {file.name: file.read_text("utf-8", "replace").splitlines()[-8:] for file in files}
        return "\n".join(f"{name}: {line}" for name, tail in tails.items() for line in tail)

    def _stood_in(self, command: str) -> str:
        for said, real in stand_ins.PLAIN:
            command = re.sub(said, real.format(port=self.port, spare=self.spare), command)
        for said, start in stand_ins.STARTED.items():
            if said in command and said not in self._real:
                self._real[said] = self._stack.enter_context(start(self.path.parent))
        for said, real in self._real.items():
            command = command.replace(said, real)
        return command

    def _as_read(self, line: str) -> str:
        for said, real in self._real.items():
            line = line.replace(real, said)
        line = line.replace(str(self.path), READER)
        for said, real in ((8233, self.port + 1000), (7233, self.port), (8399, self.spare)):
            line = line.replace(f":{real}", f":{said}")
        return line

    def _end_server(self) -> None:
        """An embedded server that the page leaves running."""
        if not (self.path / ".quire" / "temporal.pid").exists():
            return
        down = [sys.executable, "starter.py", "down"]
        subprocess.run(down, cwd=self.path, env=self._env, capture_output=True, timeout=30, check=True)


@contextmanager
def staged(folder: Path) -> Generator[Stage]:
    """A stage for the length of the block; `folder` is empty and not too deep for a socket's name."""
    path = folder / "quire"
    shutil.copytree(ROOT, path, ignore=shutil.ignore_patterns(*LEFT_OUT))
    (path / ".venv").symlink_to(Path(sys.prefix))
    with ExitStack() as stack:
        stage = Stage(path, stack)
        try:
            yield stage
        except AssertionError as error:
            error.add_note(stage.logs())
            raise
