"""What answers at once: `--help` and a worker at rest import nothing that they do not use."""

import importlib
import inspect
import subprocess
import sys

import pytest

from runtime.cli.app import GROUPS, HOLDING, command_line, commands_in
from runtime.worker import build_id
from tests.conftest import ROOT

OF_CALLS = {"openai", "aiohttp", "httpx2", "genai_prices", "json_repair", "numpy"}
OF_A_TERMINAL = {"cyclopts", "rich", "ruamel"}
OF_RUNS = {"temporalio", "google", "pydantic", "obstore", "jsonschema_rs", "minijinja", "ruamel", "asyncio"}
COMMANDS = [
    "approve", "cancel", "check", "compare", "completion", "doctor", "down", "explain", "extend", "failed",
    "finish", "init", "list", "log-mlflow", "pause", "raise-budget", "rebuild", "recipes", "report", "result",
    "resume", "retry-failed", "run", "schema", "set-concurrency", "set-priority", "snapshot", "status", "topics",
    "up", "watch",
]  # fmt: skip
INNER = ("recipes show", "recipes new", "topics stamp", "topics build")


def imported(*words: str) -> set[str]:
    """The packages that a Python of these words has imported."""
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    rows = [row for row in ended.stderr.splitlines() if row.startswith("import time:")]
    return {row.rpartition("|")[2].strip().partition(".")[0] for row in rows}


def test_help_imports_only_the_command_line():
    found = imported("starter.py", "--help")
    assert "cyclopts" in found and not found & (OF_CALLS | OF_RUNS)


def test_a_worker_at_rest_holds_neither_the_client_of_a_model_nor_a_terminal():
    found = imported("-c", "import worker")
    assert "temporalio" in found and not found & (OF_CALLS | OF_A_TERMINAL)


def test_a_command_that_looks_at_runs_holds_no_client_of_a_model():
    found = imported("-c", "import runtime.seeing, runtime.summary")
    assert "temporalio" in found and not found & OF_CALLS


def test_help_lists_every_command_with_its_sentence(shell):
    shown = shell("--help")
    assert shown.returncode == 0
    rows = [row.strip("│ ") for row in shown.stdout.splitlines() if row.startswith("│")]
    listed = {name: told.strip() for name, _, told in (row.partition(" ") for row in rows)}
    assert sorted(listed.keys() - {"--help"}) == COMMANDS and all(listed.values())


def test_the_sentences_are_those_of_the_functions():
    for module in HOLDING:
        for name, told in commands_in(module).items():
            work = getattr(importlib.import_module(f"runtime.{module}"), name)
            assert told == inspect.getdoc(work) != ""


@pytest.mark.parametrize("words", [*COMMANDS, *INNER])
def test_every_command_has_a_help_of_its_own(words, capsys):
    command_line()([*words.split(), "--help"], exit_on_error=False, result_action="return_value")
    shown = capsys.readouterr().out
    assert f"Usage: starter.py {words}" in shown and (words not in GROUPS or GROUPS[words][1] in shown)


def test_the_names_for_python_users_are_there_and_no_others():
    import starter

    assert starter.generate.__module__ == starter.GenerationFailed.__module__ == "runtime.api"
    with pytest.raises(AttributeError, match="nonsense"):
        _ = starter.nonsense


def test_a_worker_s_build_is_named_by_the_code_that_it_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(build_id, "ROOT", tmp_path)
    (tmp_path / "workflows").mkdir()
    code = tmp_path / "workflows" / "run.py"
    names: list[str] = []
    for text in ("a", "b", "a"):
        code.write_text(text)
        names.append(build_id.build_id())
    assert names[0] == names[2] != names[1]
