"""Runs logged to a real MLflow server: while they run, once only, and never at the run's cost."""

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
from activities.tracking.run_claim import claim_run
from quire.progress import Result
from quire.request import Mlflow, Request
from runtime.errors import SetupError
from runtime.paths import ROOT
from runtime.request.preflight import check_mlflow
from runtime.request.request_file import check_mapping
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.support.mlflow_server import LoggedRuns, run_mlflow_server
from tests.support.ports import find_free_port
from tests.support.requests import example_request, oq_request
from tests.support.runs import read_items, run_to_end
from tests.support.workers import run_worker

pytestmark = pytest.mark.timeout(400)
EVAL = ROOT / "examples" / "eval_dataset.yaml"


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory):
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "mlflow"
    folder.mkdir(exist_ok=True)
    with run_mlflow_server(folder) as uri:
        yield uri


def log_to(uri: str, experiment: str, request: Request) -> Request:
    """Return the request with an MLflow experiment to log to."""
    output = request.output.model_copy(update={"mlflow": Mlflow(tracking_uri=uri, experiment=experiment)})
    return request.model_copy(update={"output": output})


def assert_one_case_per_slot(cases: list[dict], names: list[str]) -> None:
    """Assert that there is exactly one record for each of these slots."""
    assert Counter(case["tags"]["slot"] for case in cases) == Counter(names)


async def test_cases_are_logged_during_the_run_and_end_equal_to_the_artifact(client, simulator, mlflow, tmp_path):
    simulator.simulator.options = Options(latency=0.8, duplicates=0.2)
    batching, duplicates = {"size": 10, "concurrency": 2}, {"method": "exact", "window": "all", "rounds": 9}
    request = log_to(
        mlflow, "growing", example_request("eval_dataset", tmp_path, batching=batching, duplicates=duplicates)
    )
    logged, sizes = LoggedRuns(mlflow, "growing"), []
    async with run_worker(client):
        handle = await client.start_workflow(
            "GenerateArtifact", request, id="logged-eval", task_queue="quire", result_type=Result
        )
        ended = asyncio.create_task(handle.result())
        while not ended.done():
            sizes.append(len(await asyncio.to_thread(logged.cases)))
            await asyncio.sleep(0.3)
        result = await ended
    assert (result.verdict, result.warnings) == ("complete", [])
    assert len({size for size in sizes if 0 < size < 100}) >= 3, sizes

    bound = {item["id"]: item for item in read_items(tmp_path, "logged-eval")}
    cases = logged.cases()
    assert result.duplicates_rejected > 0, "logged duplicates are removed again"
    assert_one_case_per_slot(cases, list(bound))
    for case in cases:
        item = bound[case["tags"]["slot"]]
        assert (case["inputs"], case["expectations"]) == (item["inputs"], item["expectations"])
        assert (case["tags"]["category"], case["tags"]["simulated"]) == (item["category"], "true")
        assert case["source_type"] == "CODE", "no person wrote it"

    run = logged.run()
    assert run.info.run_name == "logged-eval" and run.info.status == "FINISHED"
    assert result.mlflow == f"{mlflow}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
    assert run.data.tags["quire.verdict"] == "complete" and run.data.tags["quire.simulated"] == "true"
    params = {"recipe": "eval_dataset", "target": "100", "model.name": "gpt-4o-mini", "planning_model.name": "gpt-4o"}
    assert params.items() <= run.data.params.items() and "batching.size" in run.data.params
    assert not any("key" in name or "url" in name for name in run.data.params)
    (dataset_input,) = run.inputs.dataset_inputs
    assert dataset_input.dataset.name == "growing/logged-eval"

    assert run.data.metrics["items"] == 100 and run.data.metrics["calls"] == result.usage.calls
    assert run.data.metrics["duplicates_rejected"] == result.duplicates_rejected
    assert len({step for step, _, _ in logged.points("items")}) >= 4
    assert {step for step, _, _ in logged.points("batch_seconds")} == set(range(1, 11))
    assert Counter(item["id"] for item in logged.items(tmp_path)) == Counter(list(bound))
    for name in ("artifact.jsonl", "artifact.json", "report.json", "ledger.jsonl", "dataset/README.md"):
        copy = logged.client.download_artifacts(run.info.run_id, name, str(tmp_path))
        with open(copy, "rb") as file:
            assert file.read() == (tmp_path / "logged-eval" / name).read_bytes()


async def test_a_worker_killed_while_logging_leaves_one_mlflow_run_and_each_case_once(shell, mlflow, tmp_path):
    with SimulatorServer(Options(latency=0.5)) as model:
        shell.env["OPENAI_BASE_URL"] = model.base_url
        output = f'output={{store: "{tmp_path}", mlflow: {{tracking_uri: "{mlflow}", experiment: killed}}}}'
        started = shell("run", str(EVAL), "--id", "killed", "--detach", "--set", output, "--set", "batching.size=5")
        assert started.returncode == 0, started.stderr
        handle = (await Client.connect(f"127.0.0.1:{shell.env['QUIRE_PORT']}")).get_workflow_handle("killed")
        for killed in (2, 6):
            worker = shell.spawn(script="worker.py")
            await _wait_until_logging(handle, at_least=killed)
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        worker = shell.spawn(script="worker.py")
        try:
            result = await handle.result()
        finally:
            worker.terminate()
            worker.wait(60)
    assert (result["verdict"], result["warnings"] or []) == ("complete", [])
    logged = LoggedRuns(mlflow, "killed")
    assert logged.run().info.status == "FINISHED"
    names = [item["id"] for item in read_items(tmp_path, "killed")]
    assert len(names) == 100
    assert_one_case_per_slot(logged.cases(), names)
    assert Counter(item["id"] for item in logged.items(tmp_path)) == Counter(names)
    calls = Counter(step for step, _, _ in logged.points("batch_seconds"))
    assert set(calls) == set(range(1, 21)) and max(calls.values()) <= 2, "a batch, and what was sent again of it"
    points = logged.points("items")
    assert len(points) == len(set(points)) == len({(step, at) for step, _, at in points})


async def _wait_until_logging(handle, *, at_least: int) -> None:
    """Wait until the run has this many batches and its `log` activity runs."""
    begun = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
    for _ in range(1200):
        pending = (await handle.describe()).raw_description.pending_activities
        if any(activity.activity_type.name == "log" and activity.state == begun for activity in pending):
            try:
                progress = await handle.query("progress")
            except RPCError:  # the worker is not up yet
                continue
            assert progress["batches"]["completed"] < 20, "the worker is to be killed before the end"
            if progress["batches"]["completed"] >= at_least:
                return
        await asyncio.sleep(0.01)
    raise AssertionError("it was never logged")


def test_an_unreachable_mlflow_server_costs_a_warning_and_the_run_can_be_logged_later(shell, mlflow, tmp_path):
    away = f'output={{store: "{tmp_path}", mlflow: {{tracking_uri: "http://127.0.0.1:{find_free_port()}"}}}}'
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
    logged = LoggedRuns(mlflow, "later")
    assert logged.run().data.tags["quire.verdict"] == "complete" and logged.run().data.metrics["items"] == 100
    assert_one_case_per_slot(logged.cases(), [item["id"] for item in read_items(tmp_path, "away")])
    assert shell("log-mlflow", "away").returncode == 2, "where it was to be logged nothing answers"


async def test_a_cancelled_run_is_killed_in_mlflow_and_holds_its_items(client, simulator, mlflow, tmp_path):
    simulator.simulator.options = Options(latency=1.0)
    request = log_to(mlflow, "cancelled", oq_request(tmp_path, batching={"size": 5, "concurrency": 1}))
    async with run_worker(client):
        handle = await client.start_workflow(
            "GenerateArtifact", request, id="logged-cancelled", task_queue="quire", result_type=Result
        )
        while not (await handle.query("progress"))["items"]:
            await asyncio.sleep(0.1)
        await handle.cancel()
        result = await handle.result()
    logged = LoggedRuns(mlflow, "cancelled")
    run = logged.run()
    assert result.verdict == "cancelled" and 0 < result.items < 25
    assert (run.info.status, run.data.tags["quire.verdict"]) == ("KILLED", "cancelled")
    assert [item["id"] for item in logged.items(tmp_path)] == [
        item["id"] for item in read_items(tmp_path, "logged-cancelled")
    ]
    assert logged.cases() == [] and run.data.params["inputs.urs"] == "chromatography.md"


async def test_a_run_that_fails_at_once_is_failed_in_mlflow(client, simulator, mlflow, tmp_path):
    nowhere = {"name": "gpt-4o", "base_url": f"{simulator.base_url}/nowhere"}
    with pytest.raises(Exception, match="Workflow execution failed"):
        await run_to_end(client, log_to(mlflow, "fatal", oq_request(tmp_path, model=nowhere)), "logged-fatal")
    run = LoggedRuns(mlflow, "fatal").run()
    assert (run.info.status, run.data.tags["quire.verdict"]) == ("FAILED", "failed")


async def test_concurrent_claims_leave_one_mlflow_run_and_one_dataset(client, simulator, mlflow, tmp_path):
    request = oq_request(tmp_path, target=5)
    await run_to_end(client, request, "raced")
    settings = Mlflow(tracking_uri=mlflow, experiment="raced")
    plans = [await plan_file.open_plan(Store(str(tmp_path), "raced")) for _ in range(6)]
    claims = await asyncio.gather(*(claim_run(plan, Tracker(settings)) for plan in plans if plan))
    datasets = await asyncio.gather(*(run_claim.get_or_create_dataset() for run_claim in claims))
    logged = LoggedRuns(mlflow, "raced")
    assert {run_claim.run for run_claim in claims} == {logged.run().info.run_id} and len(set(datasets)) == 1
    assert logged.cases() == []


async def test_an_mlflow_run_that_was_created_but_not_recorded_is_found_again(client, simulator, mlflow, tmp_path):
    await run_to_end(client, oq_request(tmp_path, target=5), "unnoted")
    store = Store(str(tmp_path), "unnoted")
    plan = await plan_file.open_plan(store)
    assert plan is not None
    settings = Mlflow(tracking_uri=mlflow, experiment="unnoted")
    first = await claim_run(plan, Tracker(settings))
    dataset = await first.get_or_create_dataset()
    await store.delete(f"{first.folder}/run")
    for name in ("run", "dataset"):
        (tmp_path / "unnoted" / first.folder / name).unlink(missing_ok=True)
    second = await claim_run(plan, Tracker(settings))
    assert (second.run, await second.get_or_create_dataset()) == (first.run, dataset)


def roadmap_request(uri: str) -> dict:
    """Return the fields of a request that logs to this address."""
    return {"recipe": "roadmap", "inputs": {"target_role": "x"}, "output": {"mlflow": {"tracking_uri": uri}}}


async def test_an_address_that_is_no_mlflow_server_is_reported_before_the_run(simulator):
    for uri, message in (
        (f"http://127.0.0.1:{find_free_port()}", "no answer from the MLflow server"),
        (simulator.base_url, "is no MLflow server"),
    ):
        checked_request = check_mapping(
            {"recipe": "roadmap", "inputs": {"target_role": "x"}, "output": {"mlflow": {"tracking_uri": uri}}}
        )
        with pytest.raises(SetupError, match=message):
            await check_mlflow(checked_request.plan.request)


@pytest.mark.parametrize("uri", ["http://me:hunter2@host:5000", "ftp://host", "databricks", "http://", "sqlite:///"])
def test_an_invalid_mlflow_address_is_refused_and_its_password_never_printed(uri):
    with pytest.raises(SetupError, match=r"output\.mlflow\.tracking_uri") as raised:
        check_mapping(roadmap_request(uri))
    assert "hunter2" not in str(raised.value)


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


def test_check_names_the_install_command_when_the_mlflow_extra_is_missing():
    words = ["check", str(EVAL), "--set", "output.mlflow.tracking_uri=http://127.0.0.1:5000"]
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT, *words], cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 2 and "uv sync --extra mlflow" in ended.stderr, ended.stderr


async def test_runs_can_be_logged_to_a_database_file_without_a_server(client, simulator, tmp_path):
    where = f"sqlite:///{tmp_path}/lite/mlflow.db"
    (tmp_path / "lite").mkdir()
    result = await run_to_end(client, log_to(where, "lite", oq_request(tmp_path, target=5)), "logged-lite")
    assert result.warnings == [] and result.mlflow.startswith(where)
    assert LoggedRuns(where, "lite").run().data.metrics["items"] == 5
    assert (tmp_path / "lite" / "mlartifacts").is_dir()
