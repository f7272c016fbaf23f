"""A real MLflow server, `mlflow server` with its own database, and what it holds."""

import fcntl
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import find_free_port

PARTS = ("mlflow", "flask", "flask_cors", "graphene", "sqlalchemy", "alembic")
BOOT = 240
"""Seconds that the server may take to start on a busy machine; it takes fifteen on a quiet one."""


@contextmanager
def run_mlflow_server(folder: Path) -> Generator[str]:
    """Yield the address of a server that all test processes with this folder share: it takes a quarter of a minute to
    start. The first one starts it, the last one ends it. Skips the test if its parts are not installed."""
    missing = [part for part in PARTS if importlib.util.find_spec(part) is None]
    if missing:
        pytest.skip(f"an MLflow server needs {', '.join(missing)}: uv sync")
    state, turn = folder / "mlflow.json", folder / "mlflow.turn"
    with (folder / "mlflow.users").open("w") as users:
        with _hold_lock(turn):
            if not state.exists():
                state.write_text(json.dumps(_start_server(folder)))
            fcntl.flock(users, fcntl.LOCK_SH)
            pid, address = json.loads(state.read_text())
        try:
            yield address
        finally:
            with _hold_lock(turn), suppress(BlockingIOError):  # others use it
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.killpg(pid, signal.SIGKILL)
                state.unlink()


@contextmanager
def _hold_lock(file: Path) -> Generator[None]:
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start_server(folder: Path) -> tuple[int, str]:
    """Start a server; return its process and address."""
    address = f"http://127.0.0.1:{(port := find_free_port())}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/files"]
    env = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    env |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_for_server(f"{address}/health", server, folder / "log")
    except BaseException:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        raise
    return server.pid, address


def _wait_for_server(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + BOOT
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"no MLflow server in {BOOT} s: {log.read_text()[-2000:]}")


class LoggedRuns:
    """What a server holds of one experiment."""

    def __init__(self, uri: str, experiment: str) -> None:
        from mlflow import MlflowClient

        self.uri, self.experiment, self.client = uri, experiment, MlflowClient(tracking_uri=uri)

    @property
    def _id(self) -> str | None:
        experiment = self.client.get_experiment_by_name(self.experiment)
        return experiment.experiment_id if experiment else None

    def runs(self) -> list[Any]:
        return list(self.client.search_runs([self._id])) if self._id else []

    def run(self) -> Any:
        (run,) = self.runs()
        return run

    def cases(self) -> list[dict[str, Any]]:
        """Return the records of the experiment's one dataset, none if there is none yet."""
        import mlflow
        from mlflow.genai.datasets import get_dataset

        datasets = list(self.client.search_datasets(experiment_ids=[self._id])) if self._id else []
        assert len(datasets) <= 1
        mlflow.set_tracking_uri(self.uri)
        return get_dataset(dataset_id=datasets[0].dataset_id).to_df().to_dict("records") if datasets else []

    def items(self, folder: Path) -> list[dict[str, Any]]:
        """Return the items of all batches' files."""
        where = Path(self.client.download_artifacts(self.run().info.run_id, "items", str(folder)))
        return [json.loads(line) for file in sorted(where.iterdir()) for line in file.read_text().splitlines()]

    def points(self, metric: str) -> list[tuple[int, float, int]]:
        """Return step, value and time of a metric's points."""
        history = self.client.get_metric_history(self.run().info.run_id, metric)
        return sorted((point.step, point.value, point.timestamp) for point in history)
