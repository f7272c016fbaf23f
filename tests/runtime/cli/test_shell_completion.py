"""Completion by the Tab key in bash, zsh and fish."""

import shutil
import subprocess
import sys
import time
from collections.abc import Generator

import pytest

from runtime.paths import ROOT
from tests.support.ports import find_free_port
from tests.support.pseudo_terminals import SHELL_COMMANDS, InteractiveShell
from tests.support.shell import Shell

IDS = ["alpha-one", "alpha-two", "beta with spaces"]


@pytest.fixture(scope="module")
def busy(tmp_path_factory) -> Generator[Shell]:
    """The command line of a server that has three runs."""
    shell = Shell(tmp_path_factory.mktemp("busy") / "home")
    try:
        for name in IDS:
            assert shell(*shell.run_words(name, "--detach")).returncode == 0
        yield shell
    finally:
        shell.close()


@pytest.fixture
def terminal(request, busy, tmp_path) -> Generator[InteractiveShell]:
    shell = request.param
    script = tmp_path / "script"
    script.write_text(busy("completion", shell).stdout)
    opened = InteractiveShell(shell, busy.env, ROOT, tmp_path / "note")
    try:
        opened.line(f"; source {script}; true")
        yield opened
    finally:
        opened.close()


@pytest.mark.parametrize("terminal", SHELL_COMMANDS, indirect=True)
def test_tab_completes_commands_options_and_ids(terminal):
    for typed, became in {
        "uv run starter.py stat\t": "uv run starter.py status",
        "python starter.py set-c\t": "python starter.py set-concurrency",
        "python3 ./starter.py run x --conc\t": "python3 ./starter.py run x --concurrency",
        "uv run starter.py recipes sh\t": "uv run starter.py recipes show",
        "uv run starter.py watch alpha-o\t": "uv run starter.py watch alpha-one",
        "uv run starter.py watch b\t": "uv run starter.py watch beta with spaces",
        "uv run starter.py explain alpha-t\tOQ-1": "uv run starter.py explain alpha-two OQ-1",
        "uv run starter.py watch la\t": "uv run starter.py watch last",
        "uv run starter.py completion fi\t": "uv run starter.py completion fish",
        "uv run starter.py run examples/oq_suite.y\t": "uv run starter.py run examples/oq_suite.yaml",
    }.items():
        assert terminal.line(typed) == became


@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not on PATH")
@pytest.mark.parametrize("terminal", SHELL_COMMANDS, indirect=True)
def test_completions_of_uv_itself_still_work(terminal, tmp_path):
    terminal.line("true")
    script = tmp_path / "script"
    own = subprocess.run(
        ["uv", "generate-shell-completion", terminal.shell], capture_output=True, text=True, timeout=20
    )
    both = tmp_path / "both"
    both.write_text(own.stdout + script.read_text())
    terminal.line(f"; source {both}; true")
    assert terminal.line("uv generate-sh\t") == "uv generate-shell-completion"
    assert terminal.line("uv run starter.py watch alpha-o\t") == "uv run starter.py watch alpha-one"


@pytest.mark.parametrize("terminal", SHELL_COMMANDS, indirect=True)
def test_tab_leaves_lines_of_other_programs_unchanged(terminal, tmp_path):
    (tmp_path / "starter.py").write_text("raise SystemExit(1)")
    for typed in (f"python {tmp_path}/starter.py pau\t", "python examples/oq_suite.j\t"):
        assert terminal.line(typed) == typed.strip() + ("son" if typed.endswith("j\t") else "")


def test_run_ids_are_completed_newest_first_and_quickly_and_silently_without_a_server(busy):
    def offered(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "runtime.cli.shell_completion", "zsh", *words]
        environment = {**busy.env, "PYTHONPATH": str(ROOT), **env}
        return subprocess.run(command, env=environment, cwd=busy.home, capture_output=True, text=True, timeout=20)

    started = time.monotonic()
    rows = offered("watch", "").stdout.splitlines()
    assert time.monotonic() - started < 3, "a person waits for it"
    assert [row.partition("\t")[0] for row in rows[1:]] == ["last", *reversed(IDS)]
    assert "beta with spaces" in rows[1]
    for nobody in (
        {"QUIRE_PORT": str(find_free_port())},
        {"TEMPORAL_ADDRESS": f"127.0.0.1:{find_free_port()}"},
        {"PATH": ""},
    ):
        ended = offered("watch", "x", **nobody)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "words\n", "")
    assert not (busy.home / ".quire").exists()
