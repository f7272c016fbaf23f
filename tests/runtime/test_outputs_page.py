"""docs/outputs.md: its commands and its program, as a reader would try them; and forms that cannot be had."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.runtime.conftest import Shell, until

PAGE = (ROOT / "docs" / "outputs.md").read_text()
PROGRAM = PAGE.partition("```python\n")[2].partition("```")[0]
COMMANDS = [line.split("#")[0].split() for line in PAGE.splitlines() if line.startswith("    uv run starter.py")]


def test_the_page_can_be_followed_from_top_to_bottom(shell: Shell, tmp_path: Path):
    assert [words[3] for words in COMMANDS] == ["run", "snapshot", "rebuild"]
    store = str(tmp_path / "runs")
    for words in COMMANDS:
        said = [word.strip("'") for word in words[3:]]
        more = ["--set", f"output.store={store}"] if said[0] == "run" else []
        ended = shell(*said, *more)
        assert ended.returncode == 0, ended.stderr
    names = ("artifact.json", "artifact.csv", "artifact.parquet", "artifact.md", "artifact.docx")
    for name in names:
        assert f"{store}/oq-forms/{name}: the same bytes as before" in ended.stdout
        assert (tmp_path / "runs" / "oq-forms" / "snapshot" / name).is_file()
    read = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, timeout=90,
        env=os.environ | {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert read.returncode == 0, read.stderr
    said = read.stdout.splitlines()
    assert said[0].startswith("OQ-001 ['URS-001'") and said[2] == "25" and said[3] == "['Traceability matrix']"


def test_a_form_that_does_not_exist_is_told_with_those_that_do(shell: Shell):
    ended = shell(*shell.run("x", "--set", "output.formats=[xlsx]"))
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    for word in ("output.formats", "xlsx", "csv", "parquet", "markdown", "docx"):
        assert word in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    ended = shell(*shell.run("x", "--set", "output.formats=csv"))
    assert ended.returncode == 2 and "output.formats: this is a list; write it in brackets" in ended.stderr


HIDE = """
import importlib.machinery as machinery
found = machinery.PathFinder.find_spec
def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] == "arro3" else found(name, path, target)
machinery.PathFinder.find_spec = find_spec
"""


@pytest.mark.parametrize("command", ["check", "run"])
def test_parquet_without_its_library_is_refused_before_anything_is_paid(shell: Shell, tmp_path: Path, command):
    (tmp_path / "sitecustomize.py").write_text(HIDE)  # an installation without the extra
    shell.env["PYTHONPATH"] = str(tmp_path)
    request = tmp_path / "oq.yaml"
    example = (ROOT / "examples" / "oq_suite.yaml").read_text().replace("urs/", f"{ROOT}/examples/urs/")
    request.write_text(example.replace("formats: [json, jsonl]", "formats: [json, parquet]"))
    ended = shell(command, str(request))
    line = next(n for n, row in enumerate(request.read_text().splitlines(), 1) if "parquet" in row)
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    assert f"oq.yaml:{line}: output.formats.1: parquet needs arro3" in ended.stderr
    assert "uv sync --extra parquet" in ended.stderr
    assert shell("check", str(request), "--set", "output.formats=[docx,markdown,csv]").returncode == 0


def test_a_worker_without_the_library_says_so_before_anything_is_paid(shell: Shell, tmp_path: Path):
    formats = ("--set", "output.formats=[parquet]")
    assert shell(*shell.run("parquet", "--detach", *formats)).returncode == 0
    (tmp_path / "sitecustomize.py").write_text(HIDE)
    shell.env["PYTHONPATH"] = str(tmp_path)
    worker = shell.spawn(script="worker.py")
    try:
        until(lambda: "uv sync --extra parquet" in shell("status", "parquet").stdout)
        assert not list((shell.home / "store" / "parquet").glob("responses/*"))
    finally:
        worker.terminate()
        worker.communicate(timeout=30)
