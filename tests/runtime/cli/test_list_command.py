"""The command `list`."""

import json

import pytest

from runtime.cli.list_command import format_age
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.support.shell import Shell
from tests.support.waiting import wait_until


def complete_list(shell: Shell) -> dict[str, dict] | None:
    """Return the rows by id, or None if the live run or the result of the ended one did not answer in time."""
    rows = {row["workflow_id"]: row for row in json.loads(shell("list", "--json").stdout)}
    answered = rows["going"]["state"] == "generating" and rows["done"]["cost_usd"] is not None
    return rows if answered else None


def test_list_shows_progress_of_live_and_ended_runs(shell):
    with SimulatorServer(Options(latency=1.5)) as model:
        shell.env["OPENAI_BASE_URL"] = model.base_url
        assert shell("list").returncode == 2  # no server
        assert shell(*shell.run_words("done")).returncode == 0
        going = shell.spawn(*shell.run_words("going", "--set", "batching.size=1", "--set", "batching.concurrency=1"))
        try:
            wait_until(lambda: model.stats()["answered"] >= 5)
            model.simulator.options = Options(latency=8)  # so that it is live for as long as it is looked at
            rows = wait_until(lambda: complete_list(shell))
            table = wait_until(lambda: "generating" in (printed := shell("list").stdout) and printed.splitlines())
        finally:
            going.kill()
            going.communicate()
    assert list(rows) == ["going", "done"]
    done, live = rows["done"], rows["going"]
    assert (done["state"], done["items"], done["target"], done["percent"]) == ("complete", 25, 25, 100)
    assert done["simulated"] and done["cost_usd"] is not None and done["ended"] and done["age_seconds"] >= 0
    assert (live["status"], live["state"], live["target"]) == ("running", "generating", 25)
    assert 0 < live["items"] < 25 and live["percent"] == 4 * live["items"]
    assert table[0].split() == ["run", "state", "items", "%", "age", "cost"]
    assert table[1].split()[:2] == ["going", "generating"]
    assert table[2].split()[:4] == [
        "done",
        "complete",
        "25/25",
        "100",
    ]
    assert "1 older" in shell("list", "--limit", "1").stdout and shell("list", "--limit", "0").returncode == 2


@pytest.mark.parametrize(("seconds", "text"), [(59, "59 s"), (60, "1 min"), (7199, "1 h"), (90_000, "1 d")])
def test_an_age_is_shown_in_its_largest_unit(seconds, text):
    assert format_age(seconds) == text
