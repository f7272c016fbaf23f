"""Views of a run, each at one moment: progress, forecast, calls to be retried, and why it does not answer."""

import asyncio
import time
from dataclasses import dataclass, field

from temporalio.client import Client
from temporalio.service import RPCError

from quire.progress import Progress
from runtime.session.eta import Forecast, Forecaster
from runtime.temporal.diagnosis import ANSWER_TIMEOUT, Diagnosis, diagnose
from runtime.temporal.pending_calls import RetryingCalls, fetch_retrying_calls
from runtime.temporal.runs import Handle, query_progress

CALLS_INTERVAL = 2.0
"""Seconds between two requests for the calls: with a thousand in flight the server's answer is large."""


@dataclass(frozen=True)
class RunView:
    """Everything that is shown of a run at one moment."""

    workflow_id: str
    progress: Progress | None
    """The last known progress; None if the run has not answered yet."""
    forecast: Forecast = field(default_factory=Forecast)
    retrying: RetryingCalls = field(default_factory=RetryingCalls)
    diagnosis: Diagnosis | None = None
    """Why the run does not answer now; None if it does."""
    taken_at: float = 0.0
    """Seconds since 1970."""


class RunPoller:
    """Takes one view of a run after another."""

    def __init__(self, client: Client, handle: Handle) -> None:
        self._client, self._handle = client, handle
        self._forecaster = Forecaster()
        self._retrying, self._retrying_fetched = RetryingCalls(), -CALLS_INTERVAL
        self._last_progress: Progress | None = None
        self._unanswered = 0

    async def poll(self) -> RunView:
        """Return what is known of the run now. This takes some seconds if nobody answers."""
        progress = await self._query_progress()
        if progress is None:
            diagnosis = await diagnose(self._client, self._handle.id)
            self._unanswered += 1
            if diagnosis is not None and diagnosis.kind in ("no worker", "silent worker") and self._unanswered == 1:
                diagnosis = None  # a worker may be busy for a moment, or about to start
            return RunView(self._handle.id, self._last_progress, diagnosis=diagnosis, taken_at=time.time())
        self._last_progress, self._unanswered = progress, 0
        forecast = self._forecaster.update(progress, time.monotonic())
        retrying = await self._fetch_retrying_calls()
        return RunView(self._handle.id, progress, forecast, retrying, taken_at=time.time())

    async def _query_progress(self) -> Progress | None:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT.total_seconds()):
                return await query_progress(self._handle)
        except TimeoutError:
            return None

    async def _fetch_retrying_calls(self) -> RetryingCalls:
        if time.monotonic() - self._retrying_fetched >= CALLS_INTERVAL:
            self._retrying_fetched = time.monotonic()
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT.total_seconds()):
                    description = await self._handle.describe(rpc_timeout=ANSWER_TIMEOUT)
                    self._retrying = await fetch_retrying_calls(self._client, description, time.time())
            except (RPCError, TimeoutError):
                return self._retrying  # the next view has the diagnosis
        return self._retrying
