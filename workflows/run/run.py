"""One run as its parts see it: the request, the state, what is in flight, and what it waits for."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from quire.batching import capacity
from quire.contracts import ASLEEP, MENDABLE, TURN, Job
from quire.progress import Progress, Result, Waits
from quire.request import Request
from quire.slots import Batch
from workflows.display import progress_query
from workflows.display.search_attributes import publish
from workflows.display.web_ui_page import Page, details
from workflows.run.mlflow_log import Logbook
from workflows.state.bundles_in_flight import Flights
from workflows.state.state import State, Trouble

if TYPE_CHECKING:
    from workflows.shard_dispatcher import Fleet

T = TypeVar("T")


class Run:
    """What the pump, the rounds and the binding share."""

    def __init__(self, request: Request, state: State) -> None:
        self.request = request
        self.state = state
        self.running: dict[str, asyncio.Task[None]] = {}
        """What is in flight, by the name of its first batch."""
        self.places = 0
        """Calls in flight."""
        self.flights = Flights()
        self.racing: set[asyncio.Task[None]] = set()
        """Calls that lost a race and are still awaited, for their cost."""
        self.extending = 0
        self.whole: Job | None = None
        """The run that this one is a shard of."""
        self.share: int | None = None
        """A shard's calls in flight, of those of the whole run."""
        self.fleet: Fleet | None = None
        """The shards, while there are any."""
        self.reported = False
        self.logbook = Logbook(self)
        self.stage = "planning" if state.plan is None else "generating"
        self.cancelled = False
        self.broken: Exception | None = None

    @property
    def job(self) -> Job:
        """Where this run's files are."""
        return self.whole or Job(workflow_id=workflow.info().workflow_id, store=self.request.output.store)

    @property
    def ending(self) -> bool:
        """Whether no further call is wanted."""
        return self.cancelled or self.state.stopped is not None

    def room(self) -> int:
        """The most items that an answer has room for, by what is known now."""
        return capacity(self.request.generator.max_output_tokens, self.state.tokens_per_item)

    def expected(self, slots: int) -> int:
        """Tokens that a call for so many slots may take."""
        state = self.state
        return state.spending.expect(slots, state.tokens_per_item, state.usage)

    def waits(self) -> tuple[Waits, str]:
        """What has to happen before another call starts, and that in words; both empty where one may start."""
        own = self.own_waits()
        if own[0] or self.fleet is None:
            return own
        return self.fleet.waits()

    def own_waits(self) -> tuple[Waits, str]:
        """The same without its shards."""
        state = self.state
        if state.trouble is not None:
            return "repair", f"{state.trouble.said}; mend it, then: starter.py resume {self.job.workflow_id}"
        if state.paused:
            return "person", "until resumed"
        if state.until is not None:
            return "quota", f"the endpoint's quota is spent until {_clock(state.until)}; it goes on by itself"
        if self._unapproved():
            return "approval", f"{self._unapproved()}; go on with: starter.py approve {self.job.workflow_id}"
        budget = self.request.budget
        if (budget.tokens or budget.usd) and state.plan is not None and state.schedule.startable():
            short = state.spending.short_of(budget, state.usage, self.expected(self._next_size()))
            if short:
                return "budget", f"budget: {short}; raise-budget or finish"
        return "", ""

    def _unapproved(self) -> str:
        if self.state.approved or self.ending:
            return ""
        if self.request.approve == "plan":
            return "the plan waits for approval"
        if self.request.approve == "first_batch" and self.state.warm:
            return "the first batch waits for approval"
        return ""

    def _next_size(self) -> int:
        schedule = self.state.schedule
        size = len(schedule.ready[0].slots) if schedule.ready else schedule.sizes[schedule.next_batch]
        return min(size, self.room()) if self.state.planned.resize else size

    def alone(self) -> bool:
        """Whether the first batch goes ahead of the others, to warm the provider's cache or to be looked at."""
        state = self.state
        first = self.request.batching.warm_up or (self.request.approve == "first_batch" and not state.approved)
        return first and not state.warm

    def reserve(self, batch: Batch) -> None:
        """Set aside what a call may cost."""
        self.state.spending.reserved[batch.name] = self.expected(len(batch.slots))

    def started(self, batches: list[Batch], places: int, work: Coroutine[Any, Any, None]) -> None:
        """Set batches going that take so many places."""
        self.places += places
        self.running[batches[0].name] = asyncio.create_task(work)

    def ended(self, batches: list[Batch], places: int) -> None:
        """They are not in flight any more, however that came."""
        for batch in batches:
            self.state.spending.reserved.pop(batch.name, None)
        self.places -= places
        del self.running[batches[0].name]

    def hold(self, failure: ApplicationError, resumed: int) -> bool:
        """Whether this is a failure that a person, or the time, mends; then the run waits for that. `resumed` is the
        state's count from before the call: a failure older than the last `resume` only means to try again."""
        mendable, asleep = failure.type in MENDABLE, failure.type == ASLEEP and bool(failure.details)
        if resumed == self.state.resumed and mendable:
            self.state.trouble = Trouble(kind=failure.type or "", said=failure.message[:300])
        elif resumed == self.state.resumed and asleep:
            self.state.until = max(self.state.until or 0.0, float(failure.details[0]))
        return mendable or asleep or failure.type == TURN

    async def mended(self) -> None:
        """Return when what holds the run is over, or the run is to end."""
        while not self.ending and (self.state.trouble is not None or self.state.until is not None):
            await self.awaken(self.state.until)

    async def awaken(self, until: float | None, also: Callable[[], bool] = lambda: False) -> None:
        """Wait for an end, for a change of what holds the run, for the time `until`, or for what else there is."""

        def awake() -> bool:
            return self.ending or self.state.until != until or (until is None and self.state.trouble is None) or also()

        if until is None:
            await workflow.wait_condition(awake)
            return
        left = timedelta(seconds=max(0.0, until - workflow.now().timestamp()))
        try:
            await workflow.wait_condition(awake, timeout=left, timeout_summary="the endpoint's quota resets")
        except TimeoutError:
            self.state.until = None  # the quota is whole again

    def warn(self, warning: str) -> None:
        """Tell the person, in the result and the Web UI."""
        if len(self.state.warnings) < 50:
            self.state.warnings.append(warning)

    def progress(self) -> Progress:
        """What the query answers."""
        waits, why = self.waits()
        return progress_query.progress(
            self.state,
            self.fleet.reports() if self.fleet else [],
            workflow_id=workflow.info().workflow_id,
            recipe=self.request.recipe,
            stage=self.stage,
            in_flight=self.places + (self.fleet.unheard() if self.fleet else 0),
            concurrency=self.request.batching.concurrency,
            waits=waits,
            why=why,
        )

    def show(self, *, force: bool = False, ended: Result | None = None) -> None:
        """Tell the Web UI and the list how far it is."""
        progress = self.describe(ended)
        if self.state.plan is not None and self.state.plan.search_attributes:
            publish(self.state, progress, force=force, ended=ended)
        self.logbook.note(progress)

    def describe(self, ended: Result | None = None) -> Progress:
        """Tell the run's page in the Web UI how far it is, and nobody else: this is no event."""
        progress = self.progress()
        page = Page(
            state=self.state,
            progress=progress,
            request=self.request,
            job=self.job,
            namespace=workflow.info().namespace,
            now=workflow.now(),
            shards=self.fleet.rows() if self.fleet else (),
            shards_waiting=len(self.fleet.waiting) if self.fleet else 0,
            ended=ended,
        )
        workflow.set_current_details(details(page))
        return progress

    def settled(self) -> None:
        """A batch is settled."""
        self.show()

    async def unbroken(self, work: Coroutine[Any, Any, T]) -> T:
        """Finish this even if the run is cancelled meanwhile: what is there is bound all the same."""
        task = asyncio.create_task(work)
        while True:
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                self.cancelled = True


def _clock(seconds: float) -> str:
    """A time of day, in UTC, without asking the machine for its zone."""
    days, rest = divmod(int(seconds), 86_400)
    today = int(workflow.now().timestamp()) // 86_400
    said = f"{rest // 3600:02d}:{rest % 3600 // 60:02d} UTC"
    return said if days == today else f"{said} in {days - today} day(s)" if days > today + 1 else f"{said} tomorrow"
