"""`doctor`: what it accepts, what it finds wrong, and how it says to fix that."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runtime.doctor import local_checks
from runtime.doctor.finding import hide_credentials
from runtime.paths import ROOT
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.support.ports import find_free_port


def run_doctor(shell, *words: str) -> tuple[int, dict[str, dict[str, str]]]:
    ended = shell("doctor", "--json", *words)
    assert "Traceback" not in ended.stderr, ended.stderr
    answer = json.loads(ended.stdout)
    assert answer["ok"] == (ended.returncode == 0)
    return ended.returncode, {check["what"]: check for check in answer["checks"]}


def test_doctor_on_a_fresh_checkout_passes_and_creates_nothing(shell, tmp_path):
    store = tmp_path / "new" / "store"
    code, checks = run_doctor(shell, "--store", str(store))
    assert code == 0 and "a run starts one" in checks["server"]["said"]
    assert "simulated" in checks["endpoint"]["said"] and checks["structured output"]["state"] == "ok"
    assert "put-if-absent works" in checks["store"]["said"]
    assert not (tmp_path / "new").exists() and not shell.home.exists()


def test_doctor_reports_the_server_and_runs_without_a_worker(shell, tmp_path):
    assert shell(*shell.run_words("waits", "--detach")).returncode == 0
    code, checks = run_doctor(shell, str(ROOT / "examples" / "oq_suite.yaml"), "--store", str(tmp_path))
    assert code == 2 and checks["worker"]["state"] == "wrong" and "1 unfinished" in checks["worker"]["said"]
    assert "starter.py up" in checks["worker"]["mend"]
    port = shell.env["QUIRE_PORT"]
    assert f"127.0.0.1:{port} (by QUIRE_PORT), embedded" in checks["server"]["said"]
    assert "default, which keeps ended runs for 90" in checks["namespace"]["said"]
    assert checks["search attributes"]["state"] == "ok" and checks["request"]["state"] == "ok"
    up = shell.spawn("up")
    try:
        end = time.monotonic() + 60
        while "none" in (checks := run_doctor(shell, "--store", str(tmp_path))[1])["worker"]["said"]:
            assert time.monotonic() < end, checks
        assert checks["worker"]["said"].startswith("1 on queue quire")
    finally:
        up.terminate()
        up.communicate(timeout=60)


def test_doctor_names_the_commands_that_create_missing_search_attributes_and_namespace(shell, tmp_path):
    port = find_free_port()
    temporal = str(Path(sys.executable).with_name("temporal"))
    command = [temporal, "server", "start-dev", "--headless", "--port", str(port), "--log-level", "error"]
    shell.env["TEMPORAL_ADDRESS"] = f"127.0.0.1:{port}"
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while (checks := run_doctor(shell, "--store", str(tmp_path))[1])["server"]["state"] == "wrong":
            assert time.monotonic() < end, checks
        assert "by TEMPORAL_ADDRESS), not embedded" in checks["server"]["said"]
        assert "search-attribute create --name QuirePercent --type Int" in checks["search attributes"]["mend"]
        shell.env["TEMPORAL_NAMESPACE"] = "elsewhere"
        code, checks = run_doctor(shell, "--store", str(tmp_path))
        assert code == 2 and "namespace create --namespace elsewhere" in checks["namespace"]["mend"]
    finally:
        server.terminate()
        server.wait(30)


def test_each_failed_check_comes_with_a_fix(shell, tmp_path):
    (tmp_path / "file").write_text("")
    shell.env |= {
        "TEMPORAL_ADDRESS": f"127.0.0.1:{find_free_port()}",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{find_free_port()}",
    }
    ended = shell("doctor", "--store", str(tmp_path / "file" / "store"))
    assert ended.returncode == 2 and "3 to be fixed" in ended.stdout
    for message in (
        "nothing answers at 127.0.0.1",
        "correct TEMPORAL_ADDRESS",
        "no answer from http://127",
        "cannot be written",
    ):
        assert message in ended.stdout, ended.stdout
    shell.env["OPENAI_BASE_URL"] = "http://me:hush@127.0.0.1:1/v1"
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("recipe: oq_suite\ninputs: {}\n")
    code, checks = run_doctor(shell, str(wrong))
    assert code == 2 and "wrong.yaml:2: inputs.urs" in checks["request"]["said"]
    assert "remove the user and the password" in checks["endpoint"]["mend"] and "hush" not in json.dumps(checks)


def test_doctor_reports_a_port_that_another_program_has_taken(shell, tmp_path):
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", int(shell.env["QUIRE_PORT"]) + 1000))
        stranger.listen()
        code, checks = run_doctor(shell, "--store", str(tmp_path))
    assert code == 2 and "is taken" in checks["server"]["said"] and "QUIRE_PORT=" in checks["server"]["mend"]


def test_doctor_checks_the_key_without_showing_it_and_calls_the_model_only_when_allowed(shell, tmp_path):
    with SimulatorServer(Options(api_key="sk-right")) as model:
        shell.env |= {"OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY": "sk-wrong"}
        code, checks = run_doctor(shell, "--store", str(tmp_path))
        assert code == 2 and "OPENAI_API_KEY" in checks["key"]["said"] and "sk-" not in json.dumps(checks)
        shell.env["OPENAI_API_KEY"] = "sk-right"
        code, checks = run_doctor(shell, "--store", str(tmp_path))
        assert code == 0 and checks["key"]["state"] == checks["model"]["state"] == "ok"
        assert "--call" in checks["structured output"]["mend"] and model.stats()["calls"] == 0
        code, checks = run_doctor(shell, "--store", str(tmp_path), "--call")
        assert code == 0 and "keeps to a JSON Schema" in checks["structured output"]["said"]
        assert model.stats()["calls"] == 1 and "sk-" not in json.dumps(checks)


def test_doctor_reports_an_endpoint_without_json_schema_and_the_mode_used_instead(shell, tmp_path):
    with SimulatorServer(Options(forms=("json_object", "text"))) as model:
        shell.env["OPENAI_BASE_URL"] = model.base_url
        code, checks = run_doctor(shell, "--store", str(tmp_path), "--call")
        assert code == 0 and "takes no JSON Schema" in checks["structured output"]["said"]


def test_doctor_table_fits_a_terminal_of_80_columns(shell, tmp_path):
    from tests.support.pseudo_terminals import StarterProgram

    with StarterProgram(shell, "doctor", "--store", str(tmp_path), columns="80") as program:
        assert program.wait_for_exit() == 0 and "all is well" in program.output
    assert max(map(len, program.output.splitlines())) <= 80


@pytest.mark.parametrize(
    ("version", "bounds", "fits"),
    [("1.35.0", ">=1.35,<1.36", True), ("1.36.0", ">=1.35,<1.36", False), ("1.34.9", ">=1.35,<1.36", False),
     ("0.65", ">=0.64.5,<0.65", False), ("2.14.0b1", ">=2.14,<3", True), ("3.11.7", ">=3.11", True)],
)  # fmt: skip
def test_package_versions_are_compared_with_their_bounds(version, bounds, fits):
    assert local_checks._is_within_bounds(version, bounds) == fits


def test_addresses_are_shown_without_user_and_password():
    assert (
        hide_credentials("https://me:hush@host:1/v1") == "https://host:1/v1" and hide_credentials("runs/x") == "runs/x"
    )
