"""What the Tab key does in bash, zsh and fish."""

import shutil
import subprocess
import sys
import time
from collections.abc import Generator

import pytest
from cyclopts.completion._base import extract_completion_data

from runtime.cli import command_index
from runtime.cli.app import GROUPS, command_line
from tests.conftest import ROOT, free_port
from tests.runtime.conftest import Shell
from tests.runtime.terminals import START, Terminal

IDS = ["alpha-one", "alpha-two", "beta with spaces"]


@pytest.fixture(scope="module")
def busy(tmp_path_factory) -> Generator[Shell]:
    """A server that knows three runs."""
    made = Shell(tmp_path_factory.mktemp("busy") / "home")
    try:
        for name in IDS:
            assert made(*made.run(name, "--detach")).returncode == 0
        yield made
    finally:
        made.close()


@pytest.fixture
def terminal(request, busy, tmp_path) -> Generator[Terminal]:
    shell = request.param
    script = tmp_path / "script"
    script.write_text(busy("completion", shell).stdout)
    opened = Terminal(shell, busy.env, ROOT, tmp_path / "note")
    try:
        opened.line(f"; source {script}; true")
        yield opened
    finally:
        opened.close()


@pytest.mark.parametrize("terminal", START, indirect=True)
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
@pytest.mark.parametrize("terminal", START, indirect=True)
def test_what_uv_completes_itself_is_still_completed(terminal, tmp_path):
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


@pytest.mark.parametrize("terminal", START, indirect=True)
def test_tab_leaves_other_lines_as_they_were(terminal, tmp_path):
    (tmp_path / "starter.py").write_text("raise SystemExit(1)")
    for typed in (f"python {tmp_path}/starter.py pau\t", "python examples/oq_suite.j\t"):
        assert terminal.line(typed) == typed.strip() + ("son" if typed.endswith("j\t") else "")


def test_the_ids_come_soon_newest_first_and_nothing_is_said_where_there_is_no_server(busy):
    def offered(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "runtime.cli.shell_completion", "zsh", *words]
        given = {**busy.env, "PYTHONPATH": str(ROOT), **env}
        return subprocess.run(command, env=given, cwd=busy.home, capture_output=True, text=True, timeout=20)

    began = time.monotonic()
    found = offered("watch", "").stdout.splitlines()
    assert time.monotonic() - began < 3, "a person waits for it"
    assert [row.partition("\t")[0] for row in found[1:]] == ["last", *reversed(IDS)]
    assert "beta with spaces" in found[1]
    for nobody in ({"QUIRE_PORT": str(free_port())}, {"TEMPORAL_ADDRESS": f"127.0.0.1:{free_port()}"}, {"PATH": ""}):
        ended = offered("watch", "x", **nobody)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "words\n", "")
    assert not (busy.home / ".quire").exists()


def test_what_the_source_says_of_the_commands_is_what_the_command_line_takes():
    for path, data in extract_completion_data(command_line()).items():
        if path in ((), *((group,) for group in GROUPS)):
            continue
        name = path[-1]
        one = command_index.inner(GROUPS[path[0]][0], path[0])[name] if len(path) > 1 else command_index.top()[name]
        assert isinstance(one, command_index.Command)
        named = [set(argument.names) for argument in data.arguments if not argument.is_positional_only()]
        assert [set(option.names) for option in one.options] == named
        assert len(one.places) == sum(argument.is_positional_only() for argument in data.arguments)
        assert [option.kind == "flag" for option in one.options] == [
            argument.hint is bool for argument in data.arguments if not argument.is_positional_only()
        ]
