"""Every steering command against the real server: from our command line, and from the Temporal CLI."""

import json
import subprocess
import sys
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import pytest

from simulator.options import Options
from simulator.server import SimulatorServer
from tests.conftest import lines
from tests.runtime.conftest import EXAMPLE, Shell, last, until


@pytest.fixture(scope="module")
def model() -> Generator[SimulatorServer]:
    with SimulatorServer(Options(latency=0.5)) as server:
        yield server


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory, model: SimulatorServer) -> Generator[Shell]:
    """A server and a worker that are up for all tests of this module."""
    made = Shell(tmp_path_factory.mktemp("home"))
    made.env["OPENAI_BASE_URL"] = model.base_url
    up = made.spawn("up")
    try:
        until(lambda: made("list").returncode == 0)
        yield made
    finally:
        up.terminate()
        up.communicate(timeout=60)


@pytest.fixture(autouse=True)
def calm(model: SimulatorServer) -> None:
    model.simulator.options = Options(latency=0.5)


def begin(shell: Shell, id: str, *sets: str) -> None:
    words = [
        word for said in (*sets, "reuse=false", f"output.store={shell.home / 'store'}") for word in ("--set", said)
    ]
    ended = shell("run", str(EXAMPLE), "--id", id, "--detach", *words)
    assert ended.returncode == 0, ended.stderr


def status(shell: Shell, id: str) -> dict:
    return json.loads(shell("status", id, "--json").stdout)


def says(shell: Shell, id: str, **wanted: object) -> bool:
    """Whether one look at a run tells all of this; where a busy worker does not answer it in time, it tells little."""
    told = status(shell, id)
    return all(told.get(name) == value for name, value in wanted.items())


def hold(model: SimulatorServer, answered: int) -> None:
    """When so many calls are answered, let further ones last longer than commands take, so that the run is live."""
    until(lambda: model.stats()["answered"] >= answered)
    model.simulator.options = replace(model.simulator.options, latency=8)


def ends(shell: Shell, id: str) -> dict:
    until(lambda: status(shell, id).get("verdict"))
    return status(shell, id)


def refused(ended: subprocess.CompletedProcess[str], said: str) -> None:
    assert ended.returncode == 2 and said in ended.stderr and "Traceback" not in ended.stderr, ended.stderr


def test_a_run_is_paused_widened_looked_at_and_resumed(shell, model):
    before = model.stats()["answered"]
    begin(shell, "steered", "batching.size=1", "batching.concurrency=1")
    hold(model, before + 2)
    assert shell("pause", "steered").returncode == 0
    until(lambda: says(shell, "steered", stage="paused", in_flight=0))
    model.simulator.options = Options()
    refused(shell("set-concurrency", "steered", "0"), "1 to 1000, not 0")
    assert "4 calls in flight" in shell("set-concurrency", "steered", "4").stdout
    snapshot = shell("snapshot", "steered")
    assert snapshot.returncode == 0 and "of 25 tests" in snapshot.stdout, snapshot.stderr
    there = json.loads((shell.home / "store" / "steered" / "snapshot" / "artifact.json").read_text())
    assert 2 <= len(there["tests"]) < 25 and not (shell.home / "store" / "steered" / "artifact.json").exists()
    told = shell("explain", "steered", "OQ-001")
    assert "OQ-001: filled, from model" in told.stdout and "tokens in" in told.stdout, told.stdout
    assert json.loads(shell("explain", "steered", "25", "--json").stdout)["verdict"] == "failed"
    refused(shell("explain", "steered", "OQ-999"), "OQ-001 to OQ-025")
    refused(shell("approve", "steered"), "nothing waits for approval")
    refused(shell("retry-failed", "steered"), "no slot has given up")
    refused(shell("extend", "steered", "0"), "1 or more")
    resumed = shell("resume", "steered", "--json")
    assert resumed.returncode == 0 and last(resumed.stdout)["items"] == 25
    refused(shell("pause", "steered"), "has ended")
    refused(shell("retry-failed", "steered"), "is complete")
    refused(shell("finish", "nobody"), "there is no run 'nobody'")


def test_an_ended_run_is_made_longer(shell):
    begin(shell, "longer")
    ends(shell, "longer")
    before = {item["id"]: item for item in lines(shell.home / "store", "longer")}
    ended = shell("extend", "longer", "+5", "--json")
    assert ended.returncode == 0 and last(ended.stdout)["items"] == 30, ended.stderr
    after = {item["id"]: item for item in lines(shell.home / "store", "longer")}
    assert len(after) == 30 and all(after[name] == item for name, item in before.items())


def test_failed_slots_of_an_ended_run_are_made(shell, model):
    model.simulator.options = Options(poison="slot 3:")
    begin(shell, "retried", "retry.attempts=1")
    assert ends(shell, "retried")["verdict"] == "partial"
    assert "missing" in shell("explain", "retried", "OQ-003").stdout
    model.simulator.options = Options()
    ended = shell("retry-failed", "retried", "--json")
    assert ended.returncode == 0 and last(ended.stdout)["items"] == 25, ended.stderr


def test_a_budget_is_raised_and_a_plan_approved(shell):
    begin(shell, "asked", "approve=plan", "budget.tokens=9000", "batching.size=2", "batching.concurrency=2")
    until(lambda: says(shell, "asked", waits_for="approval"))
    assert shell("approve", "asked").returncode == 0
    until(lambda: says(shell, "asked", waits_for="budget", in_flight=0))
    until(lambda: "budget:" in (text := shell("status", "asked").stdout) and "raise-budget or finish" in text)
    refused(shell("raise-budget", "asked", "--tokens", "10"), "9000 already")
    refused(shell("raise-budget", "asked"), "say what it is raised to")
    assert shell("raise-budget", "asked", "--tokens", "100000").returncode == 0
    assert ends(shell, "asked")["verdict"] == "complete"


def test_a_run_is_finished_early(shell, model):
    before = model.stats()["answered"]
    begin(shell, "early", "batching.size=1", "batching.concurrency=1")
    hold(model, before + 2)
    longer = shell("extend", "early", "+5", "--json")
    assert json.loads(longer.stdout) == {"workflow_id": "early", "answer": "30 tests in all"}, longer.stderr
    assert shell("finish", "early").returncode == 0
    model.simulator.options = Options()
    shown = ends(shell, "early")
    assert shown["verdict"] == "partial" and 2 <= shown["items"] < 30


def test_a_run_that_a_person_must_mend_says_so_and_leaves(shell, model):
    model.simulator.options = Options(funds=model.stats()["answered"] + 1)
    words = ["--set", "reuse=false", "--set", f"output.store={shell.home / 'store'}"]
    ended = shell("run", str(EXAMPLE), "--id", "broke", *words)
    assert ended.returncode == 2 and "plan and billing" in ended.stderr, ended.stderr
    assert "starter.py resume broke" in ended.stderr
    model.simulator.options = Options()
    assert last(shell("resume", "broke", "--json").stdout)["items"] == 25


@pytest.fixture
def cli(shell: Shell) -> Callable[..., subprocess.CompletedProcess[str]]:
    temporal = str(Path(sys.executable).with_name("temporal"))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        address = ["--address", f"127.0.0.1:{shell.env['QUIRE_PORT']}"]
        return subprocess.run([temporal, "workflow", *words, *address], capture_output=True, text=True, timeout=60)

    return run


def test_the_temporal_cli_sends_the_same_messages(shell, model, cli):
    def update(id: str, name: str, *values: object) -> subprocess.CompletedProcess[str]:
        given = [word for value in values for word in ("--input", json.dumps(value))]
        return cli("update", "execute", "--name", name, "-w", id, *given)

    def signal(id: str, name: str) -> None:
        assert cli("signal", "--name", name, "-w", id).returncode == 0

    model.simulator.options = Options(latency=0.5, poison="slot 1:")
    before = model.stats()["answered"]
    begin(shell, "by-cli", "approve=plan", "batching.size=1", "batching.concurrency=1", "budget.tokens=90000",
          "retry.attempts=1")  # fmt: skip
    until(lambda: says(shell, "by-cli", waits_for="approval"))
    assert "approved" in update("by-cli", "approve").stdout
    hold(model, before + 2)
    signal("by-cli", "pause")
    until(lambda: says(shell, "by-cli", stage="paused"))
    for name, values, said in [
        ("set_concurrency", [0], "1 to 1000, not 0"),
        ("set_concurrency", ["many"], "many"),
        ("raise_budget", [10, None], "90000 already"),
        ("extend", [-1], "1 or more"),
    ]:
        wrong = update("by-cli", name, *values)
        assert wrong.returncode != 0 and said in wrong.stderr + wrong.stdout, (name, wrong.stderr, wrong.stdout)
    assert "8 calls in flight" in update("by-cli", "set_concurrency", 8).stdout
    assert "tokens 200000" in update("by-cli", "raise_budget", 200_000, None).stdout
    assert "27 tests in all" in update("by-cli", "extend", 2).stdout
    model.simulator.options = Options(latency=0.5)
    assert "1 tests are open again" in update("by-cli", "retry_failed").stdout
    signal("by-cli", "resume")
    assert ends(shell, "by-cli")["items"] == 27
    before = model.stats()["answered"]
    begin(shell, "by-cli-2", "batching.size=1", "batching.concurrency=1")
    hold(model, before + 1)
    signal("by-cli-2", "finish_now")
    model.simulator.options = Options()
    assert ends(shell, "by-cli-2")["verdict"] == "partial"
