"""Forms that cannot be had."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.runtime.conftest import Shell, until


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
