"""The one room that speaks to MLflow. Its client is heavy and blocks: it is imported here, and called in threads.

Datasets go through the client's store and not through `mlflow.genai.datasets`, which does the same by an address that
holds for the whole process, where runs of a worker may have several, and asks for pandas, which is larger than MLflow.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from quire.request import Mlflow

if TYPE_CHECKING:
    from mlflow.exceptions import MlflowException

INSTALL = "uv sync --extra mlflow"
KEY = "quire_key"
"""The tag by which a run or dataset of ours is found again."""
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""Of MLflow's client, where the person has set no other: it is Temporal that tries again."""
PAGE = 1000
P = ParamSpec("P")
R = TypeVar("R")
Record = dict[str, Any]
"""`{"inputs", "expectations", "tags", "source"}`."""
Point = tuple[str, float, float, int]
"""A metric's name, its value, when in seconds since 1970, and at which step."""


class TrackingError(Exception):
    """MLflow cannot be told; the words are for the person. `again`: it may be able to later."""

    def __init__(self, message: str, *, again: bool) -> None:
        super().__init__(message)
        self.again = again


class Tracker:
    """An MLflow server, or a database file in its place. All methods block, and raise MLflow's own errors."""

    def __init__(self, said: Mlflow) -> None:
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient
        from mlflow.tracking._tracking_service.utils import _get_store  # pyright: ignore[reportPrivateUsage]

        self.said = said
        self._client = MlflowClient(tracking_uri=said.tracking_uri)
        self._store: Any = _get_store(said.tracking_uri)

    def answers(self) -> None:
        """Ask for something that costs nothing and needs the right to read."""
        found = self._client.get_experiment_by_name(self.said.experiment)
        if found is not None and found.lifecycle_stage == "deleted":
            said = f"the experiment '{self.said.experiment}' is deleted: restore it, or name another"
            raise TrackingError(said, again=False)

    def experiment(self) -> str:
        """The experiment's id; it is made where there is none."""
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(self.said.experiment)
        if found is None:
            try:
                return self._client.create_experiment(self.said.experiment, artifact_location=self._beside())
            except MlflowException:  # of two workers that make it, one comes too late
                found = self._client.get_experiment_by_name(self.said.experiment)
                if found is None:
                    raise
        self.answers()
        return found.experiment_id

    def _beside(self) -> str | None:
        """Where a database without a server has its files: beside it, not in the worker's current folder."""
        if not self.said.tracking_uri.startswith("sqlite:"):
            return None
        path = self.said.tracking_uri.removeprefix("sqlite:///")
        return f"{os.path.dirname(os.path.abspath(path))}/mlartifacts"

    def run(self, experiment: str, key: str, name: str, params: Mapping[str, str], tags: Mapping[str, str]) -> str:
        """The run with this key, found or begun; what it is made from is told once."""
        from mlflow.exceptions import MlflowException

        found = self._client.search_runs([experiment], f"tags.{KEY} = '{key}'", max_results=1)
        run = found[0] if found else self._client.create_run(experiment, run_name=name, tags={**tags, KEY: key})
        try:
            self._params(run.info.run_id, params)
        except MlflowException:  # of two workers that tell the same, one comes too late
            self._params(run.info.run_id, params)
        return run.info.run_id

    def _params(self, run: str, params: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        there = self._client.get_run(run).data.params
        left = [Param(field, value) for field, value in params.items() if field not in there]
        for start in range(0, len(left), 100):
            self._client.log_batch(run, params=left[start : start + 100])

    def dataset(self, experiment: str, key: str, name: str, tags: Mapping[str, str]) -> str:
        """The dataset with this key, found or made."""
        found = self._client.search_datasets(experiment_ids=[experiment], filter_string=f"tags.{KEY} = '{key}'")
        if found:
            return str(found[0].dataset_id)
        return str(self._client.create_dataset(name, experiment_id=experiment, tags={**tags, KEY: key}).dataset_id)

    def drop_run(self, run: str) -> None:
        """A run that another worker has begun, too."""
        self._client.delete_run(run)

    def drop_dataset(self, dataset: str) -> None:
        """The same for a dataset."""
        self._client.delete_dataset(dataset)

    def show_dataset(self, run: str, dataset: str) -> None:
        """Show the dataset on the run's page."""
        import json

        from mlflow.entities import Dataset, DatasetInput

        known = self._client.get_dataset(dataset)
        source = json.dumps({"dataset_id": dataset})
        # Not its own digest, which changes with every record: the run would have as many datasets as there are batches.
        shown = Dataset(name=known.name, digest=dataset[-32:], source_type="mlflow_evaluation_dataset", source=source)
        self._client.log_inputs(run, datasets=[DatasetInput(shown)])

    def go_on(self, run: str) -> None:
        """A run that had ended goes on."""
        if self._client.get_run(run).info.status != "RUNNING":
            self._client.update_run(run, status="RUNNING")

    def points(self, run: str, points: Sequence[Point]) -> None:
        """Metrics. A point that is there already stays one."""
        from mlflow.entities import Metric

        metrics = [Metric(name, value, int(at * 1000), step) for name, value, at, step in points]
        for start in range(0, len(metrics), 1000):
            self._client.log_batch(run, metrics=metrics[start : start + 1000])

    def text(self, run: str, name: str, text: str) -> None:
        """A file of the run; one of this name is replaced."""
        self._client.log_text(run, text, name)

    def file(self, run: str, path: str, folder: str) -> None:
        """A file of this machine."""
        self._client.log_artifact(run, path, folder or None)

    def end(self, run: str, status: str, tags: Mapping[str, str], at: float) -> None:
        """The run was over at this time, in seconds since 1970."""
        for name, value in tags.items():
            self._client.set_tag(run, name, value)
        began = self._client.get_run(run).info.start_time  # later, where it is logged by hand
        self._client.set_terminated(run, status, end_time=max(began, int(at * 1000)))

    def records(self, dataset: str) -> Iterator[tuple[str, Record]]:
        """Id and content of each of a dataset's records; a page is held at a time."""
        token = None
        while True:
            page, token = self._store._load_dataset_records(dataset, max_results=PAGE, page_token=token)
            for record in page:
                yield (
                    record.dataset_record_id,
                    {
                        "inputs": record.inputs,
                        "expectations": record.expectations,
                        "tags": record.tags,
                    },
                )
            if not token:
                return

    def merge(self, dataset: str, records: Sequence[Record]) -> None:
        """Add records; one with the same inputs is replaced."""
        self._store.upsert_dataset_records(dataset, list(records))

    def take_out(self, dataset: str, ids: Sequence[str]) -> None:
        """Delete records."""
        for start in range(0, len(ids), PAGE):
            self._store.delete_dataset_records(dataset, list(ids[start : start + PAGE]))

    def address(self, experiment: str, run: str) -> str:
        """The run's page, or where it is kept."""
        uri = self.said.tracking_uri
        return f"{uri}/#/experiments/{experiment}/runs/{run}" if uri.startswith("http") else f"{uri} (run {run})"


def told(tracking_uri: str, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Do this, with MLflow's errors as TrackingErrors in words."""
    try:
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise TrackingError(f"mlflow is not installed; install it with: {INSTALL}", again=False) from None
    try:
        return work(*args, **kwargs)
    except MlflowException as error:
        raise _in_words(error, tracking_uri) from None
    except ImportError as error:  # the database's driver
        said = f"{tracking_uri} needs the package {error.name}, or an MLflow server in front of it"
        raise TrackingError(said, again=False) from None
    except OSError as error:
        raise TrackingError(f"{tracking_uri}: {error}", again=True) from None


def _in_words(error: "MlflowException", tracking_uri: str) -> TrackingError:
    kind, first = error.error_code, str(error).splitlines()[0][:300]
    if kind in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        variables = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        return TrackingError(f"{tracking_uri} refused the credentials: set {variables}", again=False)
    if kind in ("ENDPOINT_NOT_FOUND", "NOT_FOUND"):
        return TrackingError(f"{tracking_uri} is no MLflow server: it answered HTTP 404", again=False)
    if "failed with exception" in first:  # how MLflow tells that no answer came; the rest is its stack of clients
        return TrackingError(f"no answer from the MLflow server {tracking_uri}", again=True)
    wrong = error.get_http_status_code() in range(400, 500) and error.get_http_status_code() not in (408, 409, 429)
    return TrackingError(f"{tracking_uri}: {first}", again=not wrong)
