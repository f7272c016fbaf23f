"""Log the run to MLflow while it is running, one activity at a time.

Calls never wait for it, and its failures never fail the run.
"""

import asyncio
from collections.abc import Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError

from quire.commands import starter_command
from quire.contracts import LogInput
from quire.progress import Progress, Result, Verdict, to_metrics
from workflows.run import activity_calls
from workflows.state.run_data import RunData

LOG_STEPS = 50
"""How often a run is logged on its way: after every batch of a small run, every fiftieth part of a large one."""


class MlflowLog:
    """Progress sent to MLflow. Does nothing in runs that name no MLflow server."""

    def __init__(self, data: RunData, build_progress: Callable[[], Progress]) -> None:
        self._data = data
        self._build_progress = build_progress
        self._task: asyncio.Task[None] | None = None
        self._steps_logged = -1
        self._closed = False

    @property
    def _is_enabled(self) -> bool:
        return self._data.request.output.mlflow is not None and self._data.state.plan is not None

    def log_if_due(self, progress: Progress) -> None:
        """Start logging if enough batches are done since the last time and nothing is being logged."""
        if (
            self._is_enabled
            and not self._closed
            and self._task is None
            and self._count_steps(progress) != self._steps_logged
        ):
            self._task = asyncio.create_task(self._log_until_current())

    @staticmethod
    def _count_steps(progress: Progress) -> int:
        done, planned = progress.batches.completed + progress.batches.failed, max(1, progress.batches.planned)
        return done if planned <= LOG_STEPS else done * LOG_STEPS // planned

    async def _log_until_current(self) -> None:
        progress = self._build_progress()
        while self._count_steps(progress) != self._steps_logged and not self._closed:
            self._steps_logged = self._count_steps(progress)
            try:
                title = f"log {progress.items} {progress.noun} to MLflow"
                await activity_calls.call_log(self._build_input(progress), title)
            except (
                ActivityError
            ):  # these batches are logged with the next ones; at the end a warning says what is missing
                break
            progress = self._build_progress()
        self._task = None

    async def close(self, verdict: Verdict, result: Result | None = None) -> Result | None:
        """Log the rest and the verdict, and return the result with the address in MLflow or a warning."""
        if not self._is_enabled:
            return result
        self._closed = True
        await workflow.wait_condition(lambda: self._task is None)
        try:
            logged = await activity_calls.call_log(
                self._build_input(self._build_progress(), verdict), f"log the verdict to MLflow: {verdict}"
            )
        except ActivityError as error:
            reason = activity_calls.to_failure(error).message[:300]
            command = starter_command("log-mlflow", self._data.job.workflow_id)
            warning = f"MLflow did not get everything: {reason}; log the rest with: {command}"
            return result and result.model_copy(update={"warnings": [*result.warnings, warning]})
        if result is None:
            return None
        return result.model_copy(update={"mlflow": logged.address, "warnings": [*result.warnings, *logged.warnings]})

    def _build_input(self, progress: Progress, verdict: Verdict | None = None) -> LogInput:
        return LogInput(
            job=self._data.job,
            metrics=to_metrics(progress),
            target=progress.target,
            step=progress.batches.completed + progress.batches.failed,
            timestamp=workflow.now().timestamp(),
            verdict=verdict,
        )
