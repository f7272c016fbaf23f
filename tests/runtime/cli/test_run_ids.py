"""Commands that take a run's id accept its beginning and suggest similar ids."""

import json
import subprocess
import sys

from runtime.cli.command_table import COMMANDS
from runtime.paths import ROOT
from tests.support.shell import parse_last_line

NEEDED = {
    "compare": ("chromatography-2",),
    "explain": ("OQ-001",),
    "set-concurrency": ("2",),
    "set-priority": ("2",),
    "extend": ("1",),
}


WITH_AN_ID = sorted(name for name, command in COMMANDS.items() if "ID" in command.usage.split())


ALL_IN_ONE_PROCESS = """
import contextlib, io, json, sys, starter
said = []
for words in json.load(sys.stdin):
    sys.argv = ["starter.py", *words]
    with contextlib.redirect_stderr(io.StringIO()) as errors, contextlib.redirect_stdout(io.StringIO()):
        code = starter.main()
    said.append((words[0], code, errors.getvalue()))
print(json.dumps(said))
"""


def test_every_command_that_takes_an_id_suggests_similar_ids(shell):
    assert len(WITH_AN_ID) >= 16
    for name in ("chromatography-1", "chromatography-2"):
        assert shell(*shell.run_words(name, "--detach")).returncode == 0
    asked = [[name, "cromatography-1", *NEEDED.get(name, ())] for name in WITH_AN_ID]
    ended = subprocess.run(
        [sys.executable, "-c", ALL_IN_ONE_PROCESS], input=json.dumps(asked), cwd=ROOT, env=shell.env,
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    for name, code, error in json.loads(ended.stdout):
        assert code == 2 and "no run 'cromatography-1'" in error and "\n  chromatography-1\n" in error, (name, error)
    several = shell("status", "chrom")
    assert several.returncode == 2 and "2 ids" in several.stderr and "  chromatography-2\n" in several.stderr
    assert shell("cancel", "last").stdout.startswith("chromatography-2: cancelling")


def test_commands_resolve_a_shortened_id_to_the_full_id(shell):
    assert shell(*shell.run_words("done-for-ever")).returncode == 0
    for words in (["result", "done"], ["rebuild", "last"], ["snapshot", "d"], ["explain", "done", "OQ-001"]):
        ended = shell(*words)
        assert ended.returncode == 0 and "store/d/" not in ended.stdout, ended.stderr
    assert "run done-for-ever has already ended" in shell("cancel", "last").stderr
    assert parse_last_line(shell("extend", "done-", "1", "--json").stdout)["items"] == 26
