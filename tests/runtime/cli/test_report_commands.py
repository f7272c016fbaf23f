"""The commands `report` and `compare`."""

import json
import re
from pathlib import Path

from tests.support.shell import Shell
from tests.support.waiting import wait_until


def test_report_prints_or_copies_the_page_and_compare_shows_two_runs(shell: Shell, tmp_path: Path):
    assert shell(*shell.run_words("one")).returncode == 0
    assert shell(*shell.run_words("two", "--set", "batching.size=5")).returncode == 0
    store = shell.home / "store"
    report = shell("report", "one")
    assert (report.returncode, report.stdout.strip()) == (0, str(store / "one" / "report.html"))
    elsewhere = tmp_path / "given away.html"
    assert shell("report", "one", "--out", str(elsewhere)).stdout.strip() == str(elsewhere)
    assert elsewhere.read_bytes() == (store / "one" / "report.html").read_bytes()

    beside = json.loads(shell("compare", "one", "two", "--json").stdout)
    assert [run["items"] for run in beside["runs"]] == [25, 25]
    assert {"batching.size", "seed"} >= {line["name"] for line in beside["settings"]} >= {"batching.size"}
    page = tmp_path / "both.html"
    assert shell("report", "last").stdout.strip() == str(store / "two" / "report.html")
    compared = shell("compare", "on", "last", "--html", str(page))
    assert (
        compared.returncode == 0
        and {"one", "two", "25 of 25 tests"} <= set(re.split(r"\s*[┃│\n]\s*", compared.stdout))
        and "batching.size" in compared.stdout
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


def test_the_report_of_a_live_run_says_that_it_is_live(shell: Shell):
    run = shell.spawn(*shell.run_words("live", "--set", "approve=first_batch", "--set", "batching.size=5"))
    try:
        wait_until(lambda: list((shell.home / "store" / "live" / "batches").glob("*.jsonl")))
        ended = shell("report", "live")
    finally:
        run.terminate()
        run.wait(30)
    assert ended.returncode == 0 and "has not ended" in ended.stderr
    page = Path(ended.stdout.strip()).read_text()
    assert "<strong>Live run.</strong>" in page and "5 of 25 tests" in page


def test_unknown_runs_are_reported_in_one_sentence(shell: Shell, tmp_path: Path):
    none = shell("report", "nobody", "--store", str(tmp_path))
    assert none.returncode == 2 and "the plan of run 'nobody' is not in the store" in none.stderr
    assert not list(tmp_path.glob("nobody*"))
    both = shell("compare", "nobody", "neither", "--store", str(tmp_path))
    assert both.returncode == 2 and "Traceback" not in both.stderr
