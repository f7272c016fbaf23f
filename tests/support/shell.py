"""The command line as its user has it: each command is a process, with its own home and port."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from runtime.paths import EXAMPLES, ROOT
from tests.support.ports import find_free_port

EXAMPLE = EXAMPLES / "oq_suite.yaml"
FOREIGN_SETTINGS = ("OPENAI_", "TEMPORAL_", "QUIRE_")
"""Prefixes of the environment variables that commands of a test do not inherit."""


class Shell:
    """Runs commands of the starter and the worker against an embedded server of their own."""

    def __init__(self, home: Path) -> None:
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN_SETTINGS)}
        self.env |= {"QUIRE_HOME": str(home), "QUIRE_PORT": str(find_free_port()), "COLUMNS": "200"}
        self.home, self.cwd = home, ROOT
        self._processes: list[subprocess.Popen[str]] = []

    def __call__(self, *words: str, script: str = "starter.py") -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        command = [sys.executable, str(ROOT / script), *words]
        return subprocess.run(command, cwd=self.cwd, env=self.env, capture_output=True, text=True, timeout=90)

    def spawn(self, *words: str, script: str = "starter.py") -> subprocess.Popen[str]:
        """Start a command whose output can be read; it is killed by `close` at the latest."""
        command = [sys.executable, str(ROOT / script), *words]
        process = subprocess.Popen(
            command, cwd=self.cwd, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._processes.append(process)
        return process

    def close(self) -> None:
        """Stop the server, and kill the processes that a failed test has left running."""
        for process in self._processes:
            process.kill()
            process.wait()
        self("down")

    def run_words(self, name: str, *words: str) -> list[str]:
        """Return the words of `run` for the example, with this id and a store in the shell's home."""
        return ["run", str(EXAMPLE), "--id", name, "--set", f"output.store={self.home / 'store'}", *words]


def parse_last_line(text: str) -> Any:
    """Return the last of several lines of JSON: the result of a run that was watched with `--json`."""
    return json.loads(text.splitlines()[-1])
