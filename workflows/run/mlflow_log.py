"""Has the run logged to MLflow while it goes on: one activity at a time, which no call waits for and no failure of
which is the run's."""

import asyncio
from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.exceptions import ActivityError

from quire.contracts import LogInput
from quire.progress import Progress, Result, Verdict, figures
from workflows.run import activity_calls

if TYPE_CHECKING:
    from workflows.run.run import Run

MARKS = 50
"""Times that a run is logged on its way: after every batch of a small one, every fiftieth part of a large one."""


class Logbook:
    """What was sent to be logged. Does nothing in runs that name no MLflow server."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        self._task: asyncio.Task[None] | None = None
        self._marked = -1
        self._closed = False

    def note(self, progress: Progress) -> None:
        """Where enough was done since the last time, log it, after what is being logged now."""
        if self.run.request.output.mlflow is None or self.run.state.plan is None or self._closed:
            return
        if self._task is None and self._mark(progress) != self._marked:
            self._task = asyncio.create_task(self._go_on())

    def _mark(self, progress: Progress) -> int:
        done, planned = progress.batches.completed + progress.batches.failed, max(1, progress.batches.planned)
        return done if planned <= MARKS else done * MARKS // planned

    async def _go_on(self) -> None:
        progress = self.run.progress()
        while self._mark(progress) != self._marked and not self._closed:
            self._marked = self._mark(progress)
            try:
                await activity_calls.log(self._given(progress), f"log {progress.items} {progress.noun} to MLflow")
            except ActivityError:  # it is told with the next batches; at the end it is said that it was not
                break
            progress = self.run.progress()
        self._task = None

    async def close(self, verdict: Verdict, result: Result | None = None) -> Result | None:
        """Log the rest, and how it ended; the result with what came of that."""
        said = self.run.request.output.mlflow
        if said is None or self.run.state.plan is None:
            return result
        self._closed = True
        await workflow.wait_condition(lambda: self._task is None)
        given = self._given(self.run.progress(), verdict)
        try:
            logged = await activity_calls.log(given, f"log how it ended to MLflow: {verdict}")
        except ActivityError as error:
            why, name = activity_calls.as_failure(error).message[:300], self.run.job.workflow_id
            warning = f"not all is logged to MLflow: {why}; log it later with: uv run starter.py log-mlflow {name}"
            return result and result.model_copy(update={"warnings": [*result.warnings, warning]})
        told = {"mlflow": logged.address, "warnings": [*(result.warnings if result else ()), *logged.warnings]}
        return result and result.model_copy(update=told)

    def _given(self, progress: Progress, verdict: Verdict | None = None) -> LogInput:
        return LogInput(
            job=self.run.job,
            figures=figures(progress),
            target=progress.target,
            step=progress.batches.completed + progress.batches.failed,
            at=workflow.now().timestamp(),
            verdict=verdict,
        )
