"""The command line as its user has it: a process of its own, a home of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, free_port

EXAMPLE = ROOT / "examples" / "oq_suite.yaml"


class Shell:
    """Runs commands with a home and a port of their own."""

    def __init__(self, home: Path) -> None:
        away = ("OPENAI_", "TEMPORAL_", "QUIRE_")
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(away)}
        self.home, self.cwd = home, ROOT
        self._spawned: list[subprocess.Popen[str]] = []
        self.env |= {"QUIRE_HOME": str(home), "QUIRE_PORT": str(free_port()), "COLUMNS": "200"}

    def __call__(self, *words: str, script: str = "starter.py") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / script), *words],
            cwd=self.cwd,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=90,
        )

    def spawn(self, *words: str, script: str = "starter.py") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / script), *words],
            cwd=self.cwd,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._spawned.append(process)
        return process

    def close(self) -> None:
        """End the server, and what a test that failed has left running."""
        for process in self._spawned:
            process.kill()
            process.wait()
        self("down")

    def run(self, name: str, *words: str) -> list[str]:
        return ["run", str(EXAMPLE), "--id", name, "--set", f"output.store={self.home / 'store'}", *words]


@pytest.fixture
def shell(tmp_path: Path) -> Generator[Shell]:
    made = Shell(tmp_path / "home")
    yield made
    made.close()


def last(text: str) -> Any:
    """The last of several JSON lines: what came of a run that was watched with `--json`."""
    return json.loads(text.splitlines()[-1])


def until(true: Any, seconds: float = 90) -> Any:
    """Wait until `true()`; what it says then."""
    end = time.monotonic() + seconds
    while not (said := true()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)
    return said


def lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    listing = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(listing.stdout.strip()) and not listing.stdout.startswith("Z")
