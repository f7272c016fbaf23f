"""The only module that talks to MLflow. Its client is heavy and blocks: it is imported on use, and called in threads.

Datasets go through the client's store instead of `mlflow.genai.datasets`. That module uses one tracking address for the
whole process, while the runs of a worker may have several, and requires pandas, which is larger than MLflow.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from activities.known_secrets import redact_text, redact_value
from activities.optional_packages import how_to_install
from quire.request import Mlflow

if TYPE_CHECKING:
    from mlflow.exceptions import MlflowException

KEY_TAG = "quire_key"
"""The tag that identifies a run or dataset of ours."""
CLIENT_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""Environment variables of MLflow's client, unless the user set others. It does not retry, because Temporal does."""
PAGE_SIZE = 1000
P = ParamSpec("P")
R = TypeVar("R")
Record = dict[str, Any]
"""`{"inputs", "expectations", "tags", "source"}`."""
Point = tuple[str, float, float, int]
"""A metric's name, value, time in seconds since 1970, and step."""


class TrackingError(Exception):
    """A failed call of MLflow, with a message for the user. `is_retryable`: the same call may succeed later."""

    def __init__(self, message: str, *, is_retryable: bool) -> None:
        super().__init__(message)
        self.is_retryable = is_retryable


class Tracker:
    """An MLflow server, or a database file instead of it. All methods block, and raise MLflow's own errors."""

    def __init__(self, settings: Mlflow) -> None:
        for name, value in CLIENT_SETTINGS.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient
        from mlflow.tracking._tracking_service.utils import _get_store  # pyright: ignore[reportPrivateUsage]

        self.settings = settings
        self._client = MlflowClient(tracking_uri=settings.tracking_uri)
        self._store: Any = _get_store(settings.tracking_uri)

    def check_connection(self) -> None:
        """Make a call that is free and needs the right to read. Raises TrackingError if the experiment is deleted."""
        experiment = self._client.get_experiment_by_name(self.settings.experiment)
        if experiment is not None and experiment.lifecycle_stage == "deleted":
            message = f"the experiment '{self.settings.experiment}' is deleted; restore it, or name another"
            raise TrackingError(message, is_retryable=False)

    def get_or_create_experiment(self) -> str:
        """Return the experiment's id."""
        from mlflow.exceptions import MlflowException

        name = self.settings.experiment
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            try:
                return self._client.create_experiment(name, artifact_location=self._artifact_folder())
            except MlflowException:  # another worker created it at the same time
                experiment = self._client.get_experiment_by_name(name)
                if experiment is None:
                    raise
        self.check_connection()
        return experiment.experiment_id

    def _artifact_folder(self) -> str | None:
        """Return where a database without a server stores files: beside itself, not in the worker's current folder."""
        if not self.settings.tracking_uri.startswith("sqlite:"):
            return None
        path = self.settings.tracking_uri.removeprefix("sqlite:///")
        return f"{os.path.dirname(os.path.abspath(path))}/mlartifacts"

    def get_or_create_run(
        self, experiment: str, key: str, name: str, params: Mapping[str, str], tags: Mapping[str, str]
    ) -> str:
        """Return the id of the run with this key, and log those of its parameters that are not logged yet."""
        from mlflow.exceptions import MlflowException

        name, tags = redact_text(name), redact_value(dict(tags))
        matches = self._client.search_runs([experiment], f"tags.{KEY_TAG} = '{key}'", max_results=1)
        run = matches[0] if matches else self._client.create_run(experiment, run_name=name, tags={**tags, KEY_TAG: key})
        try:
            self._log_params(run.info.run_id, params)
        except MlflowException:  # another worker logged the same at the same time
            self._log_params(run.info.run_id, params)
        return run.info.run_id

    def _log_params(self, run: str, params: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        logged = self._client.get_run(run).data.params
        missing = [Param(field, redact_text(value)) for field, value in params.items() if field not in logged]
        for start in range(0, len(missing), 100):
            self._client.log_batch(run, params=missing[start : start + 100])

    def get_or_create_dataset(self, experiment: str, key: str, name: str, tags: Mapping[str, str]) -> str:
        """Return the id of the dataset with this key."""
        matches = self._client.search_datasets(experiment_ids=[experiment], filter_string=f"tags.{KEY_TAG} = '{key}'")
        if matches:
            return str(matches[0].dataset_id)
        dataset = self._client.create_dataset(
            redact_text(name), experiment_id=experiment, tags={**redact_value(dict(tags)), KEY_TAG: key}
        )
        return str(dataset.dataset_id)

    def delete_run(self, run: str) -> None:
        """Delete a run."""
        self._client.delete_run(run)

    def delete_dataset(self, dataset: str) -> None:
        """Delete a dataset."""
        self._client.delete_dataset(dataset)

    def link_dataset(self, run: str, dataset: str) -> None:
        """Show the dataset on the run's page."""
        import json

        from mlflow.entities import Dataset, DatasetInput
        from mlflow.exceptions import MlflowException

        name = self._client.get_dataset(dataset).name
        source = json.dumps({"dataset_id": dataset})
        # Its own digest changes with every record, so that the run would show as many datasets as there are batches.
        link = Dataset(name=name, digest=dataset[-32:], source_type="mlflow_evaluation_dataset", source=source)
        try:
            self._client.log_inputs(run, datasets=[DatasetInput(link)])
        except MlflowException:  # another worker linked it at the same time: now the server finds its row
            self._client.log_inputs(run, datasets=[DatasetInput(link)])

    def reopen_run(self, run: str) -> None:
        """Set a run that had ended to running again."""
        if self._client.get_run(run).info.status != "RUNNING":
            self._client.update_run(run, status="RUNNING")

    def log_points(self, run: str, points: Sequence[Point]) -> None:
        """Log metrics. MLflow keeps a point that is logged twice once."""
        from mlflow.entities import Metric

        metrics = [Metric(name, value, int(at * 1000), step) for name, value, at, step in points]
        for start in range(0, len(metrics), 1000):
            self._client.log_batch(run, metrics=metrics[start : start + 1000])

    def log_text(self, run: str, name: str, text: str) -> None:
        """Write a file of the run, or replace the one of this name."""
        self._client.log_text(run, redact_text(text), name)

    def log_file(self, run: str, path: str, folder: str) -> None:
        """Copy a file of this machine into a folder of the run."""
        self._client.log_artifact(run, path, folder or None)

    def end_run(self, run: str, status: str, tags: Mapping[str, str], timestamp: float) -> None:
        """Set a run's status, and tags, as of `timestamp` in seconds since 1970."""
        for name, value in tags.items():
            self._client.set_tag(run, name, redact_text(value))
        started = self._client.get_run(run).info.start_time  # later than `timestamp` if `log-mlflow` logs an old run
        self._client.set_terminated(run, status, end_time=max(started, int(timestamp * 1000)))

    def iter_records(self, dataset: str) -> Iterator[tuple[str, Record]]:
        """Yield the id and content of each of a dataset's records; only a page of them is in memory."""
        token = None
        while True:
            page, token = self._store._load_dataset_records(dataset, max_results=PAGE_SIZE, page_token=token)
            for record in page:
                content = {"inputs": record.inputs, "expectations": record.expectations, "tags": record.tags}
                yield record.dataset_record_id, content
            if not token:
                return

    def upsert_records(self, dataset: str, records: Sequence[Record]) -> None:
        """Add records; each replaces the one with the same inputs."""
        self._store.upsert_dataset_records(dataset, redact_value(list(records)))

    def delete_records(self, dataset: str, ids: Sequence[str]) -> None:
        """Delete records by id."""
        for start in range(0, len(ids), PAGE_SIZE):
            self._store.delete_dataset_records(dataset, list(ids[start : start + PAGE_SIZE]))

    def run_address(self, experiment: str, run: str) -> str:
        """Return the address of the run's page; of a database file, its address and the run's id."""
        uri = self.settings.tracking_uri
        return f"{uri}/#/experiments/{experiment}/runs/{run}" if uri.startswith("http") else f"{uri} (run {run})"


def with_tracking_errors(tracking_uri: str, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what `work` returns. Raises TrackingError instead of MLflow's errors, and if MLflow is not installed."""
    try:
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise TrackingError(f"mlflow is not installed; {how_to_install('mlflow')}", is_retryable=False) from None
    try:
        return work(*args, **kwargs)
    except MlflowException as error:
        raise _explain_error(error, tracking_uri) from None
    except ImportError as error:  # the database's driver
        message = f"{tracking_uri} needs the package {error.name}, or an MLflow server in front of it"
        raise TrackingError(message, is_retryable=False) from None
    except OSError as error:
        raise TrackingError(f"{tracking_uri}: {error}", is_retryable=True) from None


def _explain_error(error: "MlflowException", tracking_uri: str) -> TrackingError:
    code, first_line = error.error_code, redact_text(str(error)).splitlines()[0][:300]
    if code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        variables = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        return TrackingError(f"{tracking_uri} refused the credentials; set {variables}", is_retryable=False)
    if code in ("ENDPOINT_NOT_FOUND", "NOT_FOUND"):
        return TrackingError(f"{tracking_uri} is no MLflow server: it answered HTTP 404", is_retryable=False)
    if "failed with exception" in first_line:  # MLflow's words for no answer; the others are its stack of clients
        return TrackingError(f"no answer from the MLflow server {tracking_uri}", is_retryable=True)
    status = error.get_http_status_code()
    is_refused = status in range(400, 500) and status not in (408, 409, 429)
    return TrackingError(f"{tracking_uri}: {first_line}", is_retryable=not is_refused)
