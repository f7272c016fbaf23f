"""Every command that controls a run, against the real server, and the same messages from the Temporal CLI."""

import json
import subprocess
import sys
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import pytest

from simulator.options import Options
from simulator.server import SimulatorServer
from tests.support.runs import read_items
from tests.support.shell import EXAMPLE, Shell, parse_last_line
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def model() -> Generator[SimulatorServer]:
    with SimulatorServer(Options(latency=0.5)) as server:
        yield server


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory, model: SimulatorServer) -> Generator[Shell]:
    """A server and a worker that are up for all tests of this module."""
    shell = Shell(tmp_path_factory.mktemp("home"))
    shell.env["OPENAI_BASE_URL"] = model.base_url
    up = shell.spawn("up")
    try:
        wait_until(lambda: shell("list").returncode == 0)
        yield shell
    finally:
        up.terminate()
        up.communicate(timeout=60)


@pytest.fixture(autouse=True)
def calm(model: SimulatorServer) -> None:
    model.simulator.options = Options(latency=0.5)


def start_run(shell: Shell, id: str, *sets: str) -> None:
    words = [
        word
        for setting in (*sets, "reuse=false", f"output.store={shell.home / 'store'}")
        for word in ("--set", setting)
    ]
    ended = shell("run", str(EXAMPLE), "--id", id, "--detach", *words)
    assert ended.returncode == 0, ended.stderr


def get_status(shell: Shell, id: str) -> dict:
    return json.loads(shell("status", id, "--json").stdout)


def status_matches(shell: Shell, id: str, **expected: object) -> bool:
    """Return whether `status` reports all of this; if a busy worker does not answer in time, it reports less."""
    answer = get_status(shell, id)
    return all(answer.get(name) == value for name, value in expected.items())


def slow_down_after(model: SimulatorServer, answered: int) -> None:
    """Wait until this many calls are answered, then make further ones last longer than commands take: the run stays
    live."""
    wait_until(lambda: model.stats()["answered"] >= answered)
    model.simulator.options = replace(model.simulator.options, latency=8)


def wait_for_end(shell: Shell, id: str) -> dict:
    wait_until(lambda: get_status(shell, id).get("verdict"))
    return get_status(shell, id)


def assert_refused(ended: subprocess.CompletedProcess[str], message: str) -> None:
    assert ended.returncode == 2 and message in ended.stderr and "Traceback" not in ended.stderr, ended.stderr


def test_a_run_is_paused_widened_inspected_and_resumed(shell, model):
    before = model.stats()["answered"]
    start_run(shell, "steered", "batching.size=1", "batching.concurrency=1")
    slow_down_after(model, before + 2)
    assert shell("pause", "steered").returncode == 0
    wait_until(lambda: status_matches(shell, "steered", stage="paused", in_flight=0))
    model.simulator.options = Options()
    assert_refused(shell("set-concurrency", "steered", "0"), "1 to 1,000, not 0")
    assert "4 calls in flight" in shell("set-concurrency", "steered", "4").stdout
    snapshot = shell("snapshot", "steered")
    assert snapshot.returncode == 0 and "of 25 tests" in snapshot.stdout, snapshot.stderr
    partial = json.loads((shell.home / "store" / "steered" / "snapshot" / "artifact.json").read_text())
    assert 2 <= len(partial["tests"]) < 25 and not (shell.home / "store" / "steered" / "artifact.json").exists()
    explained = shell("explain", "steered", "OQ-001")
    assert "OQ-001: filled, from model" in explained.stdout and "tokens in" in explained.stdout, explained.stdout
    assert json.loads(shell("explain", "steered", "25", "--json").stdout)["verdict"] == "failed"
    assert_refused(shell("explain", "steered", "OQ-999"), "OQ-001 to OQ-025")
    assert_refused(shell("approve", "steered"), "nothing waits for approval")
    assert_refused(shell("retry-failed", "steered"), "no slot has given up")
    assert_refused(shell("extend", "steered", "0"), "at least 1 item")
    resumed = shell("resume", "steered", "--json")
    assert resumed.returncode == 0 and parse_last_line(resumed.stdout)["items"] == 25
    assert_refused(shell("pause", "steered"), "has ended")
    assert_refused(shell("retry-failed", "steered"), "is complete")
    assert_refused(shell("finish", "nobody"), "there is no run 'nobody'")


def test_extend_adds_items_to_an_ended_run(shell):
    start_run(shell, "longer")
    wait_for_end(shell, "longer")
    before = {item["id"]: item for item in read_items(shell.home / "store", "longer")}
    ended = shell("extend", "longer", "+5", "--json")
    assert ended.returncode == 0 and parse_last_line(ended.stdout)["items"] == 30, ended.stderr
    after = {item["id"]: item for item in read_items(shell.home / "store", "longer")}
    assert len(after) == 30 and all(after[name] == item for name, item in before.items())


def test_retry_failed_fills_the_failed_slots_of_an_ended_run(shell, model):
    model.simulator.options = Options(poison="slot 3:")
    start_run(shell, "retried", "retry.attempts=1")
    assert wait_for_end(shell, "retried")["verdict"] == "partial"
    assert "missing" in shell("explain", "retried", "OQ-003").stdout
    model.simulator.options = Options()
    ended = shell("retry-failed", "retried", "--json")
    assert ended.returncode == 0 and parse_last_line(ended.stdout)["items"] == 25, ended.stderr


def test_a_budget_is_raised_and_a_plan_approved(shell):
    start_run(shell, "asked", "approve=plan", "budget.tokens=9000", "batching.size=2", "batching.concurrency=2")
    wait_until(lambda: status_matches(shell, "asked", waits_for="approval"))
    assert shell("approve", "asked").returncode == 0
    wait_until(lambda: status_matches(shell, "asked", waits_for="budget", in_flight=0))
    wait_until(
        lambda: "budget:" in (text := shell("status", "asked").stdout) and "starter.py raise-budget asked" in text
    )
    assert_refused(shell("raise-budget", "asked", "--tokens", "10"), "already 9,000")
    assert_refused(shell("raise-budget", "asked"), "give a new cap")
    assert shell("raise-budget", "asked", "--tokens", "100000").returncode == 0
    assert wait_for_end(shell, "asked")["verdict"] == "complete"


def test_a_run_is_finished_early(shell, model):
    before = model.stats()["answered"]
    start_run(shell, "early", "batching.size=1", "batching.concurrency=1")
    slow_down_after(model, before + 2)
    longer = shell("extend", "early", "+5", "--json")
    assert json.loads(longer.stdout) == {"workflow_id": "early", "answer": "30 tests in all"}, longer.stderr
    assert shell("finish", "early").returncode == 0
    model.simulator.options = Options()
    final = wait_for_end(shell, "early")
    assert final["verdict"] == "partial" and 2 <= final["items"] < 30


def test_run_exits_with_instructions_when_a_person_must_fix_something(shell, model):
    model.simulator.options = Options(funds=model.stats()["answered"] + 1)
    words = ["--set", "reuse=false", "--set", f"output.store={shell.home / 'store'}"]
    ended = shell("run", str(EXAMPLE), "--id", "broke", *words)
    assert ended.returncode == 2 and "plan and billing" in ended.stderr, ended.stderr
    assert "starter.py resume broke" in ended.stderr
    model.simulator.options = Options()
    assert parse_last_line(shell("resume", "broke", "--json").stdout)["items"] == 25


@pytest.fixture
def cli(shell: Shell) -> Callable[..., subprocess.CompletedProcess[str]]:
    temporal = str(Path(sys.executable).with_name("temporal"))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        address = ["--address", f"127.0.0.1:{shell.env['QUIRE_PORT']}"]
        return subprocess.run([temporal, "workflow", *words, *address], capture_output=True, text=True, timeout=60)

    return run


def test_the_temporal_cli_sends_the_same_messages(shell, model, cli):
    def update(id: str, name: str, *values: object) -> subprocess.CompletedProcess[str]:
        arguments = [word for value in values for word in ("--input", json.dumps(value))]
        return cli("update", "execute", "--name", name, "-w", id, *arguments)

    def signal(id: str, name: str) -> None:
        assert cli("signal", "--name", name, "-w", id).returncode == 0

    model.simulator.options = Options(latency=0.5, poison="slot 1:")
    before = model.stats()["answered"]
    start_run(shell, "by-cli", "approve=plan", "batching.size=1", "batching.concurrency=1", "budget.tokens=90000",
          "retry.attempts=1")  # fmt: skip
    wait_until(lambda: status_matches(shell, "by-cli", waits_for="approval"))
    assert "approved" in update("by-cli", "approve").stdout
    slow_down_after(model, before + 2)
    signal("by-cli", "pause")
    wait_until(lambda: status_matches(shell, "by-cli", stage="paused"))
    for name, values, message in [
        ("set_concurrency", [0], "1 to 1,000, not 0"),
        ("set_concurrency", ["many"], "many"),
        ("raise_budget", [10, None], "already 90,000"),
        ("extend", [-1], "at least 1 item"),
    ]:
        wrong = update("by-cli", name, *values)
        assert wrong.returncode != 0 and message in wrong.stderr + wrong.stdout, (name, wrong.stderr, wrong.stdout)
    assert "8 calls in flight" in update("by-cli", "set_concurrency", 8).stdout
    assert "tokens 200000" in update("by-cli", "raise_budget", 200_000, None).stdout
    assert "27 tests in all" in update("by-cli", "extend", 2).stdout
    model.simulator.options = Options(latency=0.5)
    assert "1 tests are open again" in update("by-cli", "retry_failed").stdout
    signal("by-cli", "resume")
    assert wait_for_end(shell, "by-cli")["items"] == 27
    before = model.stats()["answered"]
    start_run(shell, "by-cli-2", "batching.size=1", "batching.concurrency=1")
    slow_down_after(model, before + 1)
    signal("by-cli-2", "finish_now")
    model.simulator.options = Options()
    assert wait_for_end(shell, "by-cli-2")["verdict"] == "partial"
