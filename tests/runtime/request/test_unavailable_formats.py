"""Output formats that do not exist, or whose library is missing."""

from pathlib import Path

import pytest

from runtime.paths import ROOT
from tests.support.shell import Shell
from tests.support.waiting import wait_until


def test_an_unknown_output_format_is_rejected_with_the_known_ones(shell: Shell):
    ended = shell(*shell.run_words("x", "--set", "output.formats=[xlsx]"))
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    for word in ("output.formats", "xlsx", "csv", "parquet", "markdown", "docx"):
        assert word in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    ended = shell(*shell.run_words("x", "--set", "output.formats=csv"))
    assert ended.returncode == 2 and "output.formats: this is a list; write it in brackets" in ended.stderr


HIDE = """
import importlib.machinery as machinery
found = machinery.PathFinder.find_spec
def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] == "arro3" else found(name, path, target)
machinery.PathFinder.find_spec = find_spec
"""


@pytest.mark.parametrize("command", ["check", "run"])
def test_parquet_without_its_library_is_refused_before_any_call(shell: Shell, tmp_path: Path, command):
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


def test_a_worker_without_the_parquet_library_says_so_before_any_call(shell: Shell, tmp_path: Path):
    formats = ("--set", "output.formats=[parquet]")
    assert shell(*shell.run_words("parquet", "--detach", *formats)).returncode == 0
    (tmp_path / "sitecustomize.py").write_text(HIDE)
    shell.env["PYTHONPATH"] = str(tmp_path)
    worker = shell.spawn(script="worker.py")
    try:
        wait_until(lambda: "uv sync --extra parquet" in shell("status", "parquet").stdout)
        assert not list((shell.home / "store" / "parquet").glob("responses/*"))
    finally:
        worker.terminate()
        worker.communicate(timeout=30)
