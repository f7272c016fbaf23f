"""Runs logged to a real MLflow server: while they go on, once only, and never at the run's cost."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter

import pytest
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client
from temporalio.service import RPCError

from activities.store import plan_file
from activities.store.object_store import Store
from activities.tracking.mlflow_client import Tracker
from activities.tracking.run_claim import claim
from quire.progress import Result
from quire.request import Mlflow, Request
from runtime.errors import SetupError
from runtime.request.preflight import mlflow_answers
from runtime.request.request_file import checked
from runtime.worker.host import hosted
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.conftest import ROOT, example, free_port, lines, made, oq
from tests.mlflow_server import Seen, running
from tests.runtime.conftest import shell, until  # noqa: F401

pytestmark = pytest.mark.timeout(400)
EVAL = ROOT / "examples" / "eval_dataset.yaml"


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory):
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "mlflow"
    folder.mkdir(exist_ok=True)
    with running(folder) as uri:
        yield uri


def to(uri: str, experiment: str, request: Request) -> Request:
    """The request, logged to an experiment."""
    output = request.output.model_copy(update={"mlflow": Mlflow(tracking_uri=uri, experiment=experiment)})
    return request.model_copy(update={"output": output})


def once(cases: list[dict], names: list[str]) -> None:
    """Whether there is one record for each of these slots."""
    assert Counter(case["tags"]["slot"] for case in cases) == Counter(names)


async def test_cases_are_a_dataset_that_grows_while_the_run_goes_on_and_ends_as_the_artifact(
    client, simulator, mlflow, tmp_path
):
    simulator.simulator.options = Options(latency=0.8, duplicates=0.2)
    batching, duplicates = {"size": 10, "concurrency": 2}, {"method": "exact", "window": "all", "rounds": 9}
    request = to(mlflow, "growing", example("eval_dataset", tmp_path, batching=batching, duplicates=duplicates))
    seen, sizes = Seen(mlflow, "growing"), []
    async with hosted(client):
        handle = await client.start_workflow(
            "GenerateArtifact", request, id="logged-eval", task_queue="quire", result_type=Result
        )
        ended = asyncio.create_task(handle.result())
        while not ended.done():
            sizes.append(len(await asyncio.to_thread(seen.cases)))
            await asyncio.sleep(0.3)
        result = await ended
    assert (result.verdict, result.warnings) == ("complete", [])
    assert len({size for size in sizes if 0 < size < 100}) >= 3, sizes

    bound = {item["id"]: item for item in lines(tmp_path, "logged-eval")}
    cases = seen.cases()
    assert result.duplicates_rejected > 0, "twins that were logged are taken out again"
    once(cases, list(bound))
    for case in cases:
        item = bound[case["tags"]["slot"]]
        assert (case["inputs"], case["expectations"]) == (item["inputs"], item["expectations"])
        assert (case["tags"]["category"], case["tags"]["simulated"]) == (item["category"], "true")
        assert case["source_type"] == "CODE", "no person wrote it"

    run = seen.run()
    assert run.info.run_name == "logged-eval" and run.info.status == "FINISHED"
    assert result.mlflow == f"{mlflow}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
    assert run.data.tags["quire.verdict"] == "complete" and run.data.tags["quire.simulated"] == "true"
    said = {"recipe": "eval_dataset", "target": "100", "model.name": "gpt-4o-mini", "planning_model.name": "gpt-4o"}
    assert said.items() <= run.data.params.items() and "batching.size" in run.data.params
    assert not any("key" in name or "url" in name for name in run.data.params)
    (shown,) = run.inputs.dataset_inputs
    assert shown.dataset.name == "growing/logged-eval"

    assert run.data.metrics["items"] == 100 and run.data.metrics["calls"] == result.usage.calls
    assert run.data.metrics["duplicates_rejected"] == result.duplicates_rejected
    assert len({step for step, _, _ in seen.points("items")}) >= 4
    assert {step for step, _, _ in seen.points("batch_seconds")} == set(range(1, 11))
    assert Counter(item["id"] for item in seen.items(tmp_path)) == Counter(list(bound))
    for name in ("artifact.jsonl", "artifact.json", "report.json", "ledger.jsonl", "dataset/README.md"):
        copy = seen.client.download_artifacts(run.info.run_id, name, str(tmp_path))
        with open(copy, "rb") as there:
            assert there.read() == (tmp_path / "logged-eval" / name).read_bytes()


async def test_a_worker_killed_while_it_logs_leaves_one_run_and_each_case_once(shell, mlflow, tmp_path):  # noqa: F811
    with SimulatorServer(Options(latency=0.5)) as model:
        shell.env["OPENAI_BASE_URL"] = model.base_url
        output = f'output={{store: "{tmp_path}", mlflow: {{tracking_uri: "{mlflow}", experiment: killed}}}}'
        started = shell("run", str(EVAL), "--id", "killed", "--detach", "--set", output, "--set", "batching.size=5")
        assert started.returncode == 0, started.stderr
        handle = (await Client.connect(f"127.0.0.1:{shell.env['QUIRE_PORT']}")).get_workflow_handle("killed")
        for killed in (2, 6):
            worker = shell.spawn(script="worker.py")
            await _logging(handle, at_least=killed)
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        worker = shell.spawn(script="worker.py")
        try:
            result = await handle.result()
        finally:
            worker.terminate()
            worker.wait(60)
    assert (result["verdict"], result["warnings"] or []) == ("complete", [])
    seen = Seen(mlflow, "killed")
    assert seen.run().info.status == "FINISHED"
    names = [item["id"] for item in lines(tmp_path, "killed")]
    assert len(names) == 100
    once(seen.cases(), names)
    assert Counter(item["id"] for item in seen.items(tmp_path)) == Counter(names)
    calls = Counter(step for step, _, _ in seen.points("batch_seconds"))
    assert set(calls) == set(range(1, 21)) and max(calls.values()) <= 2, "a batch, and what was sent again of it"
    points = seen.points("items")
    assert len(points) == len(set(points)) == len({(step, at) for step, _, at in points})


async def _logging(handle, *, at_least: int) -> None:
    """Wait until the run has so many batches and is being logged."""
    begun = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
    for _ in range(1200):
        pending = (await handle.describe()).raw_description.pending_activities
        if any(one.activity_type.name == "log" and one.state == begun for one in pending):
            try:
                progress = await handle.query("progress")
            except RPCError:  # the worker is not up yet
                continue
            assert progress["batches"]["completed"] < 20, "the worker is to be killed before the end"
            if progress["batches"]["completed"] >= at_least:
                return
        await asyncio.sleep(0.01)
    raise AssertionError("it was never logged")


def test_a_server_that_is_away_costs_a_warning_and_is_told_later_by_hand(shell, mlflow, tmp_path):  # noqa: F811
    away = f'output={{store: "{tmp_path}", mlflow: {{tracking_uri: "http://127.0.0.1:{free_port()}"}}}}'
    assert shell("run", str(EVAL), "--id", "away", "--set", away).returncode == 2, "told before anything is paid for"
    assert shell("run", str(EVAL), "--id", "away", "--detach", "--set", away).returncode == 0
    watched = shell("watch", "away", "--json")
    assert watched.returncode == 0, watched.stderr
    result = json.loads(watched.stdout.splitlines()[-1])
    (warning,) = result["warnings"]
    assert result["verdict"] == "complete" and "no answer from the MLflow server" in warning
    assert "uv run starter.py log-mlflow away" in warning
    for _ in range(2):
        later = shell("log-mlflow", "away", "--tracking-uri", mlflow, "--experiment", "later")
        assert later.returncode == 0, later.stderr
    seen = Seen(mlflow, "later")
    assert seen.run().data.tags["quire.verdict"] == "complete" and seen.run().data.metrics["items"] == 100
    once(seen.cases(), [item["id"] for item in lines(tmp_path, "away")])
    assert shell("log-mlflow", "away").returncode == 2, "where it was to be logged nothing answers"


async def test_a_cancelled_run_is_killed_and_holds_what_was_bound(client, simulator, mlflow, tmp_path):
    simulator.simulator.options = Options(latency=1.0)
    request = to(mlflow, "cancelled", oq(tmp_path, batching={"size": 5, "concurrency": 1}))
    async with hosted(client):
        handle = await client.start_workflow(
            "GenerateArtifact", request, id="logged-cancelled", task_queue="quire", result_type=Result
        )
        while not (await handle.query("progress"))["items"]:
            await asyncio.sleep(0.1)
        await handle.cancel()
        result = await handle.result()
    seen = Seen(mlflow, "cancelled")
    run = seen.run()
    assert result.verdict == "cancelled" and 0 < result.items < 25
    assert (run.info.status, run.data.tags["quire.verdict"]) == ("KILLED", "cancelled")
    assert [item["id"] for item in seen.items(tmp_path)] == [item["id"] for item in lines(tmp_path, "logged-cancelled")]
    assert seen.cases() == [] and run.data.params["inputs.urs"] == "chromatography.md"


async def test_a_run_that_stops_at_once_has_failed(client, simulator, mlflow, tmp_path):
    nowhere = {"name": "gpt-4o", "base_url": f"{simulator.base_url}/nowhere"}
    with pytest.raises(Exception, match="Workflow execution failed"):
        await made(client, to(mlflow, "fatal", oq(tmp_path, model=nowhere)), "logged-fatal")
    run = Seen(mlflow, "fatal").run()
    assert (run.info.status, run.data.tags["quire.verdict"]) == ("FAILED", "failed")


async def test_of_two_workers_that_begin_at_once_one_run_and_one_dataset_stay(client, simulator, mlflow, tmp_path):
    request = oq(tmp_path, target=5)
    await made(client, request, "raced")
    said = Mlflow(tracking_uri=mlflow, experiment="raced")
    plans = [await plan_file.read(Store(str(tmp_path), "raced")) for _ in range(6)]
    claims = await asyncio.gather(*(claim(plan, Tracker(said)) for plan in plans if plan))
    datasets = await asyncio.gather(*(one.dataset() for one in claims))
    seen = Seen(mlflow, "raced")
    assert {one.run for one in claims} == {seen.run().info.run_id} and len(set(datasets)) == 1
    assert seen.cases() == []


async def test_a_run_that_was_begun_and_not_noted_is_found_again(client, simulator, mlflow, tmp_path):
    await made(client, oq(tmp_path, target=5), "unnoted")
    store = Store(str(tmp_path), "unnoted")
    plan = await plan_file.read(store)
    assert plan is not None
    said = Mlflow(tracking_uri=mlflow, experiment="unnoted")
    first = await claim(plan, Tracker(said))
    dataset = await first.dataset()
    await store.remove(f"{first.folder}/run")
    for name in ("run", "dataset"):
        (tmp_path / "unnoted" / first.folder / name).unlink(missing_ok=True)
    again = await claim(plan, Tracker(said))
    assert (again.run, await again.dataset()) == (first.run, dataset)


def roadmap(uri: str) -> dict:
    """A request that names this address."""
    return {"recipe": "roadmap", "inputs": {"target_role": "x"}, "output": {"mlflow": {"tracking_uri": uri}}}


async def test_what_is_no_mlflow_server_is_told_before_the_run(simulator):
    for uri, said in (
        (f"http://127.0.0.1:{free_port()}", "no answer from the MLflow server"),
        (simulator.base_url, "is no MLflow server"),
    ):
        laid = checked(
            {"recipe": "roadmap", "inputs": {"target_role": "x"}, "output": {"mlflow": {"tracking_uri": uri}}}
        )
        with pytest.raises(SetupError, match=said):
            await mlflow_answers(laid.plan.request)


@pytest.mark.parametrize("uri", ["http://me:hunter2@host:5000", "ftp://host", "databricks", "http://", "sqlite:///"])
def test_an_address_that_is_none_or_holds_a_password_is_refused_and_the_password_not_repeated(uri):
    with pytest.raises(SetupError, match=r"output\.mlflow\.tracking_uri") as told:
        checked(roadmap(uri))
    assert "hunter2" not in str(told.value)


WITHOUT = """
import runpy, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "mlflow":
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Missing())
sys.argv = ["starter.py", *sys.argv[1:]]
runpy.run_path("starter.py", run_name="__main__")
"""


def test_where_the_extra_is_missing_the_command_that_installs_it_is_told():
    said = ["check", str(EVAL), "--set", "output.mlflow.tracking_uri=http://127.0.0.1:5000"]
    told = subprocess.run(
        [sys.executable, "-c", WITHOUT, *said], cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=60
    )
    assert told.returncode == 2 and "uv sync --extra mlflow" in told.stderr, told.stderr


async def test_a_database_file_serves_where_there_is_no_server(client, simulator, tmp_path):
    where = f"sqlite:///{tmp_path}/lite/mlflow.db"
    (tmp_path / "lite").mkdir()
    result = await made(client, to(where, "lite", oq(tmp_path, target=5)), "logged-lite")
    assert result.warnings == [] and result.mlflow.startswith(where)
    assert Seen(where, "lite").run().data.metrics["items"] == 5
    assert (tmp_path / "lite" / "mlartifacts").is_dir()
