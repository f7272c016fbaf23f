"""Every example, run by its command: complete, verified, and unharmed by a worker that is killed."""

import json
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from runtime.paths import ROOT
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.support.shell import Shell, parse_last_line
from tests.support.waiting import wait_until

EXAMPLES = sorted(file.stem for file in (ROOT / "examples").glob("*.yaml"))
IN_FLIGHT = {"oq_suite": 2, "topic_dataset": 8, "drill_series": 2, "eval_dataset": 2, "roadmap": 2, "custom_quiz": 2}


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Generator[Shell]:
    shell = Shell(tmp_path_factory.mktemp("home"))
    yield shell
    shell.close()


def run_words(shell: Shell, name: str, id: str, *words: str) -> list[str]:
    return [
        "run",
        f"examples/{name}.yaml",
        "--id",
        id,
        "--json",
        "--set",
        f"output.store={shell.home / 'store'}",
        *words,
    ]


def assert_artifact_complete(folder: Path, target: int) -> None:
    report = json.loads((folder / "report.json").read_text())
    ids = [json.loads(row)["id"] for row in (folder / "artifact.jsonl").read_text().splitlines()]
    assert (report["verdict"], report["problems"], len(ids), len(set(ids))) == ("complete", [], target, target)


def test_there_are_seven_examples():
    assert len(EXAMPLES) == 7


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_ends_complete_without_warnings(shell, name):
    started = time.monotonic()
    ended = shell(*run_words(shell, name, name))
    assert ended.returncode == 0, ended.stderr
    print(f"{name}: {time.monotonic() - started:.1f} s")
    result = parse_last_line(ended.stdout)
    assert result["items"] == result["target"] and result["warnings"] == []
    assert_artifact_complete(shell.home / "store" / name, result["target"])
    rebuilt = shell("rebuild", name)
    assert rebuilt.returncode == 0 and "the same bytes as before" in rebuilt.stdout and "CHANGED" not in rebuilt.stdout


@pytest.mark.parametrize("name", IN_FLIGHT)
def test_a_worker_killed_in_the_middle_costs_only_the_calls_in_flight(shell, name):
    target = json.loads(shell("check", f"examples/{name}.yaml", "--json").stdout)["target"]
    with SimulatorServer(Options(latency=2)) as model:
        shell.env["OPENAI_BASE_URL"] = model.base_url
        try:
            killed, width = f"killed-{name}", f"batching.concurrency={IN_FLIGHT[name]}"
            assert shell(*run_words(shell, name, killed, "--detach", "--set", width)).returncode == 0
            worker = shell.spawn(script="worker.py")
            try:
                wait_until(lambda: model.stats()["answered"] >= 2)
            finally:
                worker.kill()
                worker.communicate()
            before = model.stats()
            model.simulator.options = Options(latency=0.3)
            ended = shell("resume", killed, "--json")
        finally:
            del shell.env["OPENAI_BASE_URL"]
        assert ended.returncode == 0, ended.stderr
        assert parse_last_line(ended.stdout)["verdict"] == "complete" and "continuing" in ended.stderr
        assert_artifact_complete(shell.home / "store" / killed, target)
        repeated = [count for count in model.stats()["answered_prompts"].values() if count > 1]
        assert before["answered"] < model.stats()["answered"] and len(repeated) <= IN_FLIGHT[name]
