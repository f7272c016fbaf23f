"""The commands `run`, `list`, `watch` and `cancel`, as processes that are killed in the middle."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from runtime.paths import ROOT
from runtime.temporal.run_priority import fetch_priority
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.support.ports import find_free_port
from tests.support.requests import URS
from tests.support.servers import START_SERVER
from tests.support.shell import EXAMPLE, parse_last_line
from tests.support.waiting import wait_until


def is_each_answered_once(stats: dict[str, Any]) -> bool:
    return all(times == 1 for times in stats["answered_prompts"].values())


def test_the_example_runs_on_a_fresh_checkout_and_its_id_starts_only_one_run(shell):
    first = shell(*shell.run_words("oq-1", "--json"))
    assert first.returncode == 0, first.stderr
    result = parse_last_line(first.stdout)
    assert (result["verdict"], result["items"], result["batches"]["planned"]) == ("complete", 25, 3)
    assert result["simulated"] and "simulated" in first.stderr and "Generated 25/25 tests (Batch 3/3)" in first.stderr
    second = shell(*shell.run_words("oq-1", "--json"))
    assert parse_last_line(second.stdout) == result
    assert [row["workflow_id"] for row in json.loads(shell("list", "--json").stdout)] == ["oq-1"]
    assert json.loads(shell("status", "oq-1", "--json").stdout)["verdict"] == "complete"
    assert json.loads(shell("result", "oq-1", "--json").stdout) == result
    output = shell("watch", "oq-1")
    assert output.returncode == 0 and "artifact" in output.stdout and "Web UI" in output.stdout
    assert shell("cancel", "oq-1").returncode == 2 and shell("status", "none").returncode == 2


def test_the_temporal_cli_starts_and_queries_a_run(shell, tmp_path):
    temporal = str(Path(sys.executable).with_name("temporal"))
    up = shell.spawn("up")
    try:
        port = shell.env["QUIRE_PORT"]
        request = json.loads((ROOT / "examples" / "oq_suite.json").read_text())
        request["output"]["store"] = str(tmp_path / "store")
        (tmp_path / "request.json").write_text(json.dumps(request))

        def cli(*words: str) -> subprocess.CompletedProcess[str]:
            command = [temporal, "workflow", *words, "--address", f"127.0.0.1:{port}", "-w", "oq-cli"]
            return subprocess.run(command, env=shell.env, capture_output=True, text=True, timeout=60)

        start = ["start", "--type", "GenerateArtifact", "--task-queue", "quire"]
        wait_until(lambda: cli(*start, "--input-file", str(tmp_path / "request.json")).returncode == 0)
        ended = cli("result", "-o", "json")
        assert '"verdict": "complete"' in ended.stdout or '"verdict":"complete"' in ended.stdout, ended.stdout
        assert "25/25" in cli("query", "--type", "progress", "-o", "json").stdout
    finally:
        up.send_signal(signal.SIGINT)
        assert up.wait(40) == 0


@pytest.mark.parametrize("victim", ["starter", "server"])
def test_killing_starter_or_server_in_the_middle_repeats_no_answered_call(shell, victim):
    with SimulatorServer(Options(latency=0.4)) as model:
        shell.env["OPENAI_BASE_URL"] = model.base_url
        words = shell.run_words("killed", "--json", "--set", "batching.size=2", "--set", "batching.concurrency=2")
        running = shell.spawn(*words)
        wait_until(lambda: model.stats()["answered"] >= 4)
        if victim == "starter":  # it hosts the worker, too
            running.kill()
            running.communicate()
            ended = shell(*words)
            code, out = ended.returncode, ended.stdout
        else:
            os.kill(int((shell.home / "temporal.pid").read_text()), signal.SIGKILL)
            time.sleep(0.5)
            subprocess.run(START_SERVER, cwd=ROOT, env=shell.env, timeout=60, check=True)
            out, _ = running.communicate(timeout=80)
            code = running.returncode
        assert code == 0 and parse_last_line(out)["items"] == 25
        stats = model.stats()
        assert stats["answered"] <= 13 + 2 and len(stats["answered_prompts"]) == 13
        if victim == "server":
            assert is_each_answered_once(stats)


def test_a_killed_worker_is_replaced_by_another(shell):
    with SimulatorServer(Options(latency=0.4)) as model:
        shell.env["OPENAI_BASE_URL"] = model.base_url
        options = ("--set", "batching.size=2", "--set", "batching.concurrency=2")
        assert shell(*shell.run_words("two-workers", "--detach", *options)).returncode == 0
        first = shell.spawn(script="worker.py")
        wait_until(lambda: model.stats()["answered"] >= 4)
        first.kill()
        first.communicate()
        second = shell.spawn(script="worker.py")
        try:
            wait_until(lambda: json.loads(shell("status", "two-workers", "--json").stdout).get("verdict"))
        finally:
            second.terminate()
            second.communicate(timeout=40)
        assert json.loads(shell("result", "two-workers", "--json").stdout)["items"] == 25
        assert model.stats()["answered"] <= 13 + 2


def test_a_configured_address_without_a_server_is_an_error_and_starts_none(shell):
    shell.env["TEMPORAL_ADDRESS"] = f"127.0.0.1:{find_free_port()}"
    ended = shell(*shell.run_words("nobody"))
    assert ended.returncode == 2 and shell.env["TEMPORAL_ADDRESS"] in ended.stderr
    assert not (shell.home / "temporal.db").exists()


def test_a_wrong_key_is_reported_before_a_run_is_created(shell):
    with SimulatorServer(Options(api_key="right")) as model:
        shell.env |= {"OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY": "sk-secret"}
        ended = shell(*shell.run_words("wrong-key"))
        assert ended.returncode == 2 and "OPENAI_API_KEY" in ended.stderr and "sk-secret" not in ended.stderr
        assert model.stats()["calls"] == 0 and not (shell.home / "store").exists()


HEAD = "recipe: oq_suite\ninputs:\n  urs: URS\n  gamp_category: 5\n"
WRONG = {
    "unknown recipe": ("recipe: poem\n", ":1: recipe: unknown recipe 'poem'; known are: oq_suite"),
    "unknown field": (HEAD + "tarqet: 3\n", ":5: tarqet: unknown field; allowed here: recipe, inputs"),
    "unknown inner field": (HEAD + "model:\n  nam: x\n", ":6: model.nam: unknown field"),
    "target 0": (HEAD + "target: 0\n", ":5: target: Input should be greater than or equal to 1, found 0"),
    "target negative": (HEAD + "target: -3\n", ":5: target:"),
    "target text": (HEAD + "target: many\n", ":5: target: Input should be a valid integer, found 'many'"),
    "target bool": (HEAD + "target: true\n", ":5: target:"),
    "category 2": (HEAD.replace("5", "2"), ":4: inputs.gamp_category: GAMP category is 1, 3, 4 or 5"),
    "missing URS": (HEAD.replace("URS", "nowhere.md"), ":3: inputs.urs: there is no file"),
    "no URS": ("recipe: oq_suite\ninputs: {gamp_category: 5}\n", ":2: inputs.urs: this field is needed"),
    "empty URS": (HEAD.replace("URS", "empty.md"), ":3: inputs.urs:"),
    "binary URS": (HEAD.replace("URS", "binary.txt"), "is not UTF-8 text"),
    "tab": ("recipe: oq_suite\ninputs:\n\turs: x\n", ":3: inputs: YAML is indented with spaces, and here is a tab"),
    "duplicate key": (HEAD + "target: 3\ntarget: 4\n", ':6: found duplicate key "target"'),
    "list": ("- a\n", "a request is a mapping"),
    "empty file": ("", "a request is a mapping"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_invalid_request_is_reported_with_file_line_and_field(name, tmp_path):
    from runtime.errors import SetupError
    from runtime.request.request_file import load_request

    text, message = WRONG[name]
    (tmp_path / "empty.md").write_text(" \n")
    (tmp_path / "binary.txt").write_bytes(bytes(range(256)))
    file = tmp_path / "request.yaml"
    file.write_text(text.replace("URS", str(URS)))
    with pytest.raises(SetupError) as raised:
        load_request(file)
    assert message in str(raised.value) and (str(file) in str(raised.value))


def test_invalid_input_exits_with_2_and_leaves_nothing(shell):
    for words in (["--set", "target=0"], ["--set", "nonsense"], ["--set", "target=[1"], ["--wrong"]):
        ended = shell(*shell.run_words("bad"), *words)
        assert ended.returncode == 2 and "Traceback" not in ended.stderr, ended.stderr
    assert shell("run", "nowhere.yaml").returncode == 2 and shell("nonsense").returncode == 2
    assert not shell.home.exists()


def test_concurrency_has_its_own_option(shell):
    wrong = shell("check", str(EXAMPLE), "--concurrency", "0")
    assert wrong.returncode == 2 and "batching.concurrency" in wrong.stderr
    assert shell("check", str(EXAMPLE), "--concurrency", "2").returncode == 0


def test_an_invalid_priority_is_rejected_before_anything_starts(shell):
    for words in (["run", str(EXAMPLE), "--priority"], ["resume", "x", "--priority"], ["set-priority", "x"]):
        for number in ("0", "6"):
            ended = shell(*words, number)
            assert ended.returncode == 2 and f"a priority is 1 (the highest) to 5, not {number}" in ended.stderr
        assert shell(*words, "first").returncode == 2
    assert not shell.home.exists()


async def test_a_run_keeps_the_priority_it_was_started_with(shell):
    assert shell(*shell.run_words("first", "--priority", "1", "--detach")).returncode == 0
    assert shell(*shell.run_words("usual", "--detach")).returncode == 0
    client = await Client.connect(f"127.0.0.1:{shell.env['QUIRE_PORT']}")
    first, usual = (client.get_workflow_handle(name) for name in ("first", "usual"))
    assert (await fetch_priority(first), await fetch_priority(usual)) == (1, 3)
    assert shell(*shell.run_words("first", "--detach")).returncode == 0
    assert shell("set-priority", "usual", "2").stdout == "usual: priority 2\n"
    assert (await fetch_priority(first), await fetch_priority(usual)) == (1, 2)
    assert shell(*shell.run_words("usual", "--priority", "4", "--detach")).returncode == 0
    assert await fetch_priority(usual) == 4


async def test_two_commands_at_once_start_one_server(shell):
    async def start() -> int:
        words = [sys.executable, "starter.py", *shell.run_words("both", "--json")]
        child = await asyncio.create_subprocess_exec(
            *words, cwd=ROOT, env=shell.env, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        return await child.wait()

    assert await asyncio.gather(start(), start()) == [0, 0]
    assert len(json.loads(shell("list", "--json").stdout)) == 1


def test_a_password_in_the_endpoints_address_is_refused_and_never_printed(shell):
    shell.env |= {"OPENAI_BASE_URL": "http://me:hidden@127.0.0.1:9/v1", "OPENAI_API_KEY": "x"}
    ended = shell(*shell.run_words("secret"))
    assert ended.returncode == 2 and "OPENAI_API_KEY" in ended.stderr, ended.stderr
    assert "hidden" not in ended.stderr and "Traceback" not in ended.stderr
