"""The supervision of processes, with a program in the place of a worker."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.runtime.conftest import lives, until

PARENT = """
import asyncio, sys
from runtime import processes
processes.PAUSE = 0.01
child = "from runtime.processes import end_with_stdin; end_with_stdin(1); print('up', flush=True); " + sys.argv[1]
sys.exit(asyncio.run(processes.supervise(2, [sys.executable, "-c", child])))
"""


class Parent:
    """A supervisor of two processes that do what `child` says."""

    def __init__(self, child: str, folder: Path) -> None:
        self.said = folder / "said"
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PARENT, child], cwd=ROOT, stdout=said, stderr=subprocess.STDOUT
            )

    def __enter__(self) -> "Parent":
        return self

    def __exit__(self, *_: object) -> None:
        """It does not outlive a test that fails, nor do its processes, which end with it."""
        self.process.kill()
        self.process.wait()

    def times(self, words: str) -> int:
        return self.said.read_text().count(words)


WAITS = "import time; time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_of_them(number, tmp_path):
    with Parent(WAITS, tmp_path) as parent:
        until(lambda: parent.times("up") == 2)
        parent.process.send_signal(number)
        assert parent.process.wait(10) == 0


def test_one_that_does_not_drain_is_ended_and_told(tmp_path):
    with Parent(STUBBORN, tmp_path) as parent:
        until(lambda: parent.times("deaf") == 2)
        parent.process.terminate()
        assert parent.process.wait(10) == 1
        assert parent.times("did not drain within 1 s") == 2


def test_those_that_die_at_once_are_told_and_given_up(tmp_path):
    with Parent("raise SystemExit(7)", tmp_path) as parent:
        assert parent.process.wait(30) == 1
        assert (
            parent.times("exit code 7; another one starts in") >= 4 and parent.times("exit code 7; stopping all") >= 1
        )


def test_a_mistake_that_a_person_must_mend_is_not_repeated(tmp_path):
    with Parent("raise SystemExit(2)", tmp_path) as parent:
        assert parent.process.wait(30) == 2
        assert parent.times("another one starts") == 0


def test_those_whose_parent_is_killed_end(tmp_path):
    with Parent("import os; print(f'pid {os.getpid()}.', flush=True); " + WAITS, tmp_path) as parent:
        until(lambda: parent.times(".") == 2)
        pids = [int(line[4:-1]) for line in parent.said.read_text().splitlines() if line.startswith("pid ")]
        parent.process.kill()
        parent.process.wait()
        until(lambda: not any(lives(pid) for pid in pids), 10)


@pytest.mark.parametrize("words", [["0"], ["65"], ["-1"], ["two"], [], ["2", "more"]])
def test_a_bad_number_is_a_sentence(words):
    command = [sys.executable, str(ROOT / "worker.py"), "--processes", *words]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2 and "worker.py: error: " in ended.stderr and "Traceback" not in ended.stderr
