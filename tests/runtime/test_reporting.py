"""`report` and `compare`, as a person has them."""

import json
import re
from pathlib import Path

from tests.runtime.conftest import Shell, until


def test_a_runs_page_is_found_written_elsewhere_and_compared(shell: Shell, tmp_path: Path):
    assert shell(*shell.run("one")).returncode == 0
    assert shell(*shell.run("two", "--set", "batching.size=5")).returncode == 0
    store = shell.home / "store"
    found = shell("report", "one")
    assert (found.returncode, found.stdout.strip()) == (0, str(store / "one" / "report.html"))
    elsewhere = tmp_path / "given away.html"
    assert shell("report", "one", "--out", str(elsewhere)).stdout.strip() == str(elsewhere)
    assert elsewhere.read_bytes() == (store / "one" / "report.html").read_bytes()

    beside = json.loads(shell("compare", "one", "two", "--json").stdout)
    assert [run["items"] for run in beside["runs"]] == [25, 25]
    assert {"batching.size", "seed"} >= {line["name"] for line in beside["settings"]} >= {"batching.size"}
    page = tmp_path / "both.html"
    assert shell("report", "last").stdout.strip() == str(store / "two" / "report.html")
    told = shell("compare", "on", "last", "--html", str(page))
    assert (
        told.returncode == 0
        and {"one", "two", "25 of 25 tests"} <= set(re.split(r"\s*[┃│\n]\s*", told.stdout))
        and "batching.size" in told.stdout
    )
    assert "batching.size" in page.read_text() and "25 of 25 tests" in page.read_text()

    artifact = (store / "one" / "artifact.json").read_bytes()
    (store / "one" / "report.html").unlink()
    assert shell("rebuild", "one").returncode == 0
    assert (store / "one" / "artifact.json").read_bytes() == artifact
    assert (store / "one" / "report.html").read_bytes() == elsewhere.read_bytes()

    shell("down")
    without = shell("report", "one", "--store", str(store), "--json")
    assert json.loads(without.stdout) == {
        "workflow_id": "one", "report": str(store / "one" / "report.html"), "verdict": "complete",
    }  # fmt: skip


def test_a_live_run_has_a_page_that_says_so(shell: Shell):
    run = shell.spawn(*shell.run("live", "--set", "approve=first_batch", "--set", "batching.size=5"))
    try:
        until(lambda: list((shell.home / "store" / "live" / "batches").glob("*.jsonl")))
        told = shell("report", "live")
    finally:
        run.terminate()
        run.wait(30)
    assert told.returncode == 0 and "has not ended" in told.stderr
    page = Path(told.stdout.strip()).read_text()
    assert "<strong>Live run.</strong>" in page and "5 of 25 tests" in page


def test_wrong_words_are_told_in_a_sentence(shell: Shell, tmp_path: Path):
    none = shell("report", "nobody", "--store", str(tmp_path))
    assert none.returncode == 2 and "does not hold the plan of a run 'nobody'" in none.stderr
    assert not list(tmp_path.glob("nobody*"))
    both = shell("compare", "nobody", "neither", "--store", str(tmp_path))
    assert both.returncode == 2 and "Traceback" not in both.stderr
