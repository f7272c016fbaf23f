"""The supervision of worker processes, tested with small programs instead of workers."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.paths import ROOT
from tests.support.waiting import is_running, wait_until

SUPERVISE = (sys.executable, "-m", "tests.support.programs.supervise_two")


class Supervisor:
    """A supervisor of two processes that run the program `child`."""

    def __init__(self, child: str, folder: Path) -> None:
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*SUPERVISE, child], cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(self, *_: object) -> None:
        """Kill the supervisor if the test has failed; its processes end with it."""
        self.process.kill()
        self.process.wait()

    def count_in_log(self, words: str) -> int:
        return self.log.read_text().count(words)


WAITS = "import time; time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_parent_ends_all_worker_processes(number, tmp_path):
    with Supervisor(WAITS, tmp_path) as parent:
        wait_until(lambda: parent.count_in_log("up") == 2)
        parent.process.send_signal(number)
        assert parent.process.wait(10) == 0


def test_a_process_that_does_not_drain_is_killed_and_reported(tmp_path):
    with Supervisor(STUBBORN, tmp_path) as parent:
        wait_until(lambda: parent.count_in_log("deaf") == 2)
        parent.process.terminate()
        assert parent.process.wait(10) == 1
        assert parent.count_in_log("did not drain within 1 s") == 2


def test_processes_that_exit_at_once_are_reported_and_given_up(tmp_path):
    with Supervisor("raise SystemExit(7)", tmp_path) as parent:
        assert parent.process.wait(30) == 1
        assert (
            parent.count_in_log("exit code 7; restarting it in") >= 4
            and parent.count_in_log("exit code 7; stopping all") >= 1
        )


def test_a_process_that_exits_with_a_setup_error_is_not_restarted(tmp_path):
    with Supervisor("raise SystemExit(2)", tmp_path) as parent:
        assert parent.process.wait(30) == 2
        assert parent.count_in_log("restarting it") == 0


def test_worker_processes_end_when_their_parent_is_killed(tmp_path):
    with Supervisor("import os; print(f'pid {os.getpid()}.', flush=True); " + WAITS, tmp_path) as parent:
        wait_until(lambda: parent.count_in_log(".") == 2)
        pids = [int(line[4:-1]) for line in parent.log.read_text().splitlines() if line.startswith("pid ")]
        parent.process.kill()
        parent.process.wait()
        wait_until(lambda: not any(is_running(pid) for pid in pids), 10)


@pytest.mark.parametrize("words", [["0"], ["65"], ["-1"], ["two"], [], ["2", "more"]])
def test_an_invalid_number_of_processes_is_a_one_line_error(words):
    command = [sys.executable, str(ROOT / "worker.py"), "--processes", *words]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2 and "worker.py: error: " in ended.stderr and "Traceback" not in ended.stderr
