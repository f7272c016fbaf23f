"""A copy of the repository with a terminal in it, in which a page's commands run."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from runtime.paths import ROOT
from tests.docs import stand_ins
from tests.docs.bash_session import BashSession
from tests.support.ports import find_free_port

READER_PATH = "/home/you/quire"
"""The path of a reader's copy in the output that a page shows."""
LEFT_OUT = (".*", "tests", "runs", "__pycache__", "uv.lock")
COLUMNS = "100"


class RepositoryCopy:
    """A copy of the repository at `path`, and its terminal."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.path, self._stack = path, stack
        self.port, self.spare = find_free_port(), find_free_port()
        self._env = self._environment()
        self._terminal = BashSession(path, self._env)
        stack.callback(self._end_server)
        stack.callback(self._terminal.close)
        self._real: dict[str, str] = {}
        """Addresses of the stand-ins, by the addresses that the page shows."""

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
        """Write a file of the page."""
        (self.path / name).write_text(self._replace_addresses(text), "utf-8")

    def run(self, command: str) -> tuple[list[str], int]:
        """Run a command of the page; return its output with the page's addresses, and the exit status."""
        lines, status = self._terminal.run(self._replace_addresses(command))
        return [self._restore_addresses(line) for line in lines], status

    def read_logs(self) -> str:
        """Return the last lines of each log of the page, and of the server's."""
        files = [*self.path.glob("*.log"), *self.path.glob(".quire/*.log")]
        tails = {file.name: file.read_text("utf-8", "replace").splitlines()[-8:] for file in files}
        return "\n".join(f"{name}: {line}" for name, tail in tails.items() for line in tail)

    def _replace_addresses(self, command: str) -> str:
        for shown_address, real in stand_ins.SUBSTITUTIONS:
            command = re.sub(shown_address, real.format(port=self.port, spare=self.spare), command)
        for shown_address, start in stand_ins.STAND_INS.items():
            if shown_address in command and shown_address not in self._real:
                self._real[shown_address] = self._stack.enter_context(start(self.path.parent))
        for shown_address, real in self._real.items():
            command = command.replace(shown_address, real)
        return command

    def _restore_addresses(self, line: str) -> str:
        for shown_address, real in self._real.items():
            line = line.replace(real, shown_address)
        line = line.replace(str(self.path), READER_PATH)
        for shown_address, real in ((8233, self.port + 1000), (7233, self.port), (8399, self.spare)):
            line = line.replace(f":{real}", f":{shown_address}")
        return line

    def _end_server(self) -> None:
        """Stop an embedded server that the page leaves running."""
        if not (self.path / ".quire" / "temporal.pid").exists():
            return
        down = [sys.executable, "starter.py", "down"]
        subprocess.run(down, cwd=self.path, env=self._env, capture_output=True, timeout=30, check=True)


@contextmanager
def open_copy(folder: Path) -> Generator[RepositoryCopy]:
    """Yield a copy of the repository in `folder`, which is empty and has a path short enough for a socket's name."""
    path = folder / "quire"
    shutil.copytree(ROOT, path, ignore=shutil.ignore_patterns(*LEFT_OUT))
    (path / ".venv").symlink_to(Path(sys.prefix))
    with ExitStack() as stack:
        stage = RepositoryCopy(path, stack)
        try:
            yield stage
        except AssertionError as error:
            error.add_note(stage.read_logs())
            raise
