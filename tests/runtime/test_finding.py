"""Ids that are shortened, misspelt or not there, and the list of runs."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from temporalio.client import WorkflowExecutionStatus as Status
from temporalio.common import TypedSearchAttributes

from runtime.cli import command_index
from runtime.cli.list_command import age
from runtime.errors import SetupError
from runtime.temporal.run_lookup import newest, runs
from runtime.temporal.runs import attach
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.conftest import ROOT, oq
from tests.runtime.conftest import Shell, last, until

NEEDED = {
    "compare": ("chromatography-2",),
    "explain": ("OQ-001",),
    "set-concurrency": ("2",),
    "set-priority": ("2",),
    "extend": ("1",),
}
WITH_AN_ID = sorted(
    name
    for name, one in command_index.top().items()
    if isinstance(one, command_index.Command) and any(place.kind == "ids" for place in one.places)
)


async def test_an_id_may_be_shortened_as_long_as_it_is_one_run_s(client, tmp_path):
    for name in ("short-1", "short-11", "short-2", "o'clock", "short-%"):
        await client.start_workflow("GenerateArtifact", oq(tmp_path), id=name, task_queue="nobody")
    await client.start_workflow("GenerateShard", oq(tmp_path), id="short-3", task_queue="nobody")
    for said, meant in {"short-11": "short-11", "short-1": "short-1", "o'": "o'clock", "short-%": "short-%"}.items():
        assert (await attach(client, said)).id == meant
    with pytest.raises(SetupError, match="beginning of 4 ids") as raised:
        await attach(client, "short-")
    assert "short-2" in str(raised.value) and "short-3" not in str(raised.value)
    with pytest.raises(SetupError, match="is it one of these") as raised:
        await attach(client, "shrot-2")
    assert "  short-2" in str(raised.value)
    assert (await attach(client, "last")).id == "short-%"
    await client.start_workflow("GenerateArtifact", oq(tmp_path), id="last", task_queue="nobody")
    await client.start_workflow("GenerateArtifact", oq(tmp_path), id="later", task_queue="nobody")
    assert (await attach(client, "last")).id == "last"
    assert [run.id for run in await runs(client, "short-1")] == ["short-11", "short-1"]
    for run in await runs(client):
        await client.get_workflow_handle(run.id).terminate()


def test_a_run_is_as_old_as_the_first_part_of_a_history_that_was_cut():
    start = datetime(2026, 1, 1, tzinfo=UTC)

    def execution(name: str, hour: int, status: Status) -> SimpleNamespace:
        at = start + timedelta(hours=hour)
        none = TypedSearchAttributes.empty
        return SimpleNamespace(id=name, start_time=at, close_time=at, status=status, typed_search_attributes=none)

    cut = Status.CONTINUED_AS_NEW
    listed = [
        execution("long", 6, Status.RUNNING), execution("long", 5, cut), execution("long", 2, cut),
        execution("long", 1, Status.COMPLETED), execution("quick", 3, Status.COMPLETED),
        execution("again", 0, Status.COMPLETED), execution("again", 4, Status.RUNNING),
    ]  # fmt: skip
    found = newest(listed)  # pyright: ignore[reportArgumentType]
    assert [run.id for run in found] == ["again", "quick", "long"]
    assert [run.started.hour for run in found] == [4, 3, 2] and [run.live for run in found] == [True, False, True]


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


def test_every_command_that_takes_an_id_tells_the_nearest_ones(shell):
    assert len(WITH_AN_ID) >= 16
    for name in ("chromatography-1", "chromatography-2"):
        assert shell(*shell.run(name, "--detach")).returncode == 0
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


def test_commands_go_by_the_whole_id_where_a_short_one_is_said(shell):
    assert shell(*shell.run("done-for-ever")).returncode == 0
    for words in (["result", "done"], ["rebuild", "last"], ["snapshot", "d"], ["explain", "done", "OQ-001"]):
        ended = shell(*words)
        assert ended.returncode == 0 and "store/d/" not in ended.stdout, ended.stderr
    assert "run done-for-ever has ended already" in shell("cancel", "last").stderr
    assert last(shell("extend", "done-", "1", "--json").stdout)["items"] == 26


def whole_list(shell: Shell) -> dict[str, dict] | None:
    """The rows by their ids, where the live run and the result of the ended one have answered in time."""
    rows = {row["workflow_id"]: row for row in json.loads(shell("list", "--json").stdout)}
    answered = rows["going"]["state"] == "generating" and rows["done"]["cost_usd"] is not None
    return rows if answered else None


def test_list_shows_live_and_ended_runs_with_how_far_they_are(shell):
    with SimulatorServer(Options(latency=1.5)) as model:
        shell.env["OPENAI_BASE_URL"] = model.base_url
        assert shell("list").returncode == 2  # no server
        assert shell(*shell.run("done")).returncode == 0
        going = shell.spawn(*shell.run("going", "--set", "batching.size=1", "--set", "batching.concurrency=1"))
        try:
            until(lambda: model.stats()["answered"] >= 5)
            model.simulator.options = Options(latency=8)  # so that it is live for as long as it is looked at
            rows = until(lambda: whole_list(shell))
            table = until(lambda: "generating" in (said := shell("list").stdout) and said.splitlines())
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


@pytest.mark.parametrize(("seconds", "said"), [(59, "59 s"), (60, "1 min"), (7199, "1 h"), (90_000, "1 d")])
def test_an_age_is_said_to_its_first_unit(seconds, said):
    assert age(seconds) == said
