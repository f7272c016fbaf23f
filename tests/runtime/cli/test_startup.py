"""Quick starts: `--help` and an idle worker import only what they use."""

import subprocess
import sys

import pytest

from runtime.cli.app import build_command_line
from runtime.cli.command_table import COMMANDS
from runtime.paths import ROOT

OF_CALLS = {"openai", "aiohttp", "httpx2", "genai_prices", "json_repair", "numpy"}
OF_A_TERMINAL = {"cyclopts", "rich", "ruamel"}
OF_RUNS = {"temporalio", "google", "pydantic", "obstore", "jsonschema_rs", "minijinja", "ruamel", "asyncio"}


def list_imported_packages(*words: str) -> set[str]:
    """Return the packages that Python imports when run with these words."""
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    rows = [row for row in ended.stderr.splitlines() if row.startswith("import time:")]
    return {row.rpartition("|")[2].strip().partition(".")[0] for row in rows}


def test_help_imports_only_the_command_line():
    packages = list_imported_packages("starter.py", "--help")
    assert "cyclopts" in packages and not packages & (OF_CALLS | OF_RUNS)


def test_an_idle_worker_imports_neither_a_model_client_nor_terminal_packages():
    packages = list_imported_packages("-c", "import worker")
    assert "temporalio" in packages and not packages & (OF_CALLS | OF_A_TERMINAL)


def test_commands_that_only_look_at_runs_import_no_model_client():
    packages = list_imported_packages("-c", "import runtime.session.run_session, runtime.session.status_text")
    assert "temporalio" in packages and not packages & OF_CALLS


def test_help_lists_every_command_with_its_sentence(shell):
    output = shell("--help")
    assert output.returncode == 0
    rows = [row.strip("│ ") for row in output.stdout.splitlines() if row[:2] == "│ " and row[2] != " "]
    listed = {name: sentence.strip() for name, _, sentence in (row.partition(" ") for row in rows)}
    assert listed.keys() - {"--help"} == {name for name in COMMANDS if " " not in name} and all(listed.values())


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_has_its_own_help(words, capsys):
    build_command_line()([*words.split(), "--help"], exit_on_error=False, result_action="return_value")
    output = " ".join(capsys.readouterr().out.split())
    assert f"Usage: starter.py {words}" in output and " ".join(COMMANDS[words].help.split()) in output


def test_starter_exports_the_python_api_and_nothing_else():
    import starter

    assert starter.generate.__module__ == starter.GenerationFailed.__module__ == "runtime.api"
    with pytest.raises(AttributeError, match="nonsense"):
        _ = starter.nonsense
