"""A very large run's shards: dealt out, started as places come free, steered, taken up again, added up."""

import asyncio
from array import array
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate

from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError, TemporalError
from temporalio.workflow import ParentClosePolicy

from quire import sharding
from quire.contracts import SHARD
from quire.outcome import OpenSlot
from quire.schedule import Schedule
from quire.slots import Batch, ranges
from workflows.run.run import Run
from workflows.shards import state_split
from workflows.shards.budget_split import Allowance
from workflows.shards.tracker import Shard, Shards
from workflows.state.shard_messages import Ended, Orders, Report, ShardInput

SHARDS = "shards"
"""Patch that sends batches of very large runs to workflows of their own."""
PROMPTLY = "a shard that ends is not waited for to be told"
"""Patch of the way in which orders are sent."""
LATE = "what a shard had given up before it heard of a retry is opened again"
"""Patch of what comes of such slots: they were counted in the answer to the person who asked."""
TRIES = 3
"""How often a shard that failed or was ended by force is taken up, before its slots are given up."""


@dataclass
class Fleet(Shards):
    """Deals one pass's open batches out to shards, starts and steers them."""

    ends: "array[int]" = field(default_factory=lambda: array("q", [0]))
    """Slots up to each planned batch."""
    lanes: dict[int, int] = field(default_factory=dict[int, int])
    broken: Exception | None = None
    dealt: int = 0

    def deal(self) -> None:
        """Take what is open out of the run's schedule."""
        schedule = self.run.state.schedule
        if not schedule.pending():
            return
        numbers = range(schedule.next_batch + 1, len(schedule.sizes) + 1)
        again = schedule.handed_out()
        self.ends = array("q", accumulate(schedule.sizes, initial=0))
        self.lanes = sharding.lanes(schedule.after)
        found = sharding.deal(numbers, again, self.lanes)
        self.waiting += found
        self.dealt += len(found)

    def launch(self) -> None:
        """Start shards while there are places for them."""
        while self.may_launch() and (allowance := self._allowance()) is not None:
            shard = self._shard(self.waiting.pop(0), allowance)
            self.active[shard.given.number] = shard
            shard.task = asyncio.create_task(self._kept_going(shard))

    def _allowance(self) -> Allowance | None:
        """What the next shard may spend; None where it must wait for that."""
        piece = self.waiting[0]
        batches = len(piece.again) + sum(last - first + 1 for first, last in piece.stretches)
        slots = sum(len(batch.slots) for batch in piece.again)
        slots += sum(self.ends[last] - self.ends[first - 1] for first, last in piece.stretches)
        return Allowance.of(self.run, self.active.values()).first(batches, slots)

    def may_launch(self) -> bool:
        """Whether another shard may start now."""
        run = self.run
        most = min(sharding.ACTIVE, run.request.batching.concurrency)
        if not self.waiting or len(self.active) >= most or run.ending or run.own_waits()[0]:
            return False
        return self._allowance() is not None

    def _batches(self, piece: sharding.Piece) -> list[Batch]:
        planned = [self._planned(number) for first, last in piece.stretches for number in range(first, last + 1)]
        return sorted([*planned, *piece.again], key=lambda batch: batch.root)

    def _planned(self, number: int) -> Batch:
        return Batch(name=str(number), slots=tuple(range(self.ends[number - 1] + 1, self.ends[number] + 1)))

    def _shard(self, piece: sharding.Piece, allowance: Allowance) -> Shard:
        run, state, batches = self.run, self.run.state, self._batches(piece)
        state.shards += 1
        part, groups = state_split.part(state, batches, self.lanes)
        orders = Orders(share=1, width=run.request.batching.concurrency, tokens=allowance.tokens, usd=allowance.usd)
        given = ShardInput(
            job=run.job,
            number=state.shards,
            state=part.model_copy(update={"schedule": Schedule()}),
            orders=orders.model_copy(update=self._common()),
            groups=groups,
            batches=len(batches),
            marks=max(4, min(20, 400 // max(1, self.dealt))),
        )
        said = ranges([batch.root for batch in batches])
        numbers = sorted(number for batch in batches for number in batch.slots)
        title = f"batches {said}, {state.planned.noun} {numbers[0]}-{numbers[-1]}"[:200]
        return Shard(given, part.schedule.model_dump_json(), title, piece.stretches)

    def _common(self) -> dict[str, object]:
        state = self.run.state
        return {"paused": state.paused, "resumed": state.resumed, "stopped": state.stopped, "retries": state.retries}

    async def _kept_going(self, shard: Shard) -> None:
        """Start a shard and await it; one that fails or is ended by force is taken up again from its beginning: what
        it had answered lies in the store, and costs nothing."""
        try:
            while True:
                try:
                    ended = await self._made(shard)
                    break
                except (ChildWorkflowError, TemporalError) as error:
                    shard.tries += 1
                    shard.handle = shard.report = None
                    if self.run.cancelled or shard.tries >= TRIES:
                        self._lost(shard, error)
                        return
                    self.run.warn(f"shard {shard.given.number} was taken up again: {_cause(error)}")
            state_split.absorb(self.run.state, ended, shard.given.groups)
            if ended.failed_slots and ended.retries < self.run.state.retries and workflow.patched(LATE):
                self.run.state.retry_late([slot.slot for slot in ended.failed_slots])
            if ended.stopped and not self.run.state.stopped:
                self.run.state.stopped, self.run.state.fatal = ended.stopped, ended.fatal
        except Exception as error:  # a mistake of ours must fail the workflow task, and not hang the run
            self.broken = error
        finally:
            shard.ended = True

    async def _made(self, shard: Shard) -> Ended:
        shard.handle = await workflow.start_child_workflow(
            SHARD,
            args=[self.run.request, self._whole(shard)],
            id=self.id_of(shard),
            result_type=Ended,
            parent_close_policy=ParentClosePolicy.REQUEST_CANCEL,
            static_summary=shard.summary,
        )
        if self.run.cancelled:
            shard.handle.cancel()
        return await shard.handle

    def _whole(self, shard: Shard) -> ShardInput:
        state = shard.given.state.model_copy(update={"schedule": shard.schedule()})
        return shard.given.model_copy(update={"state": state, "orders": self.orders_of(shard)})

    def _lost(self, shard: Shard, error: BaseException) -> None:
        state = self.run.state
        batches = shard.schedule().handed_out()
        if self.run.cancelled:
            state.schedule.take_back(batches)
            return
        detail = f"shard {shard.given.number} failed {shard.tries} times: {_cause(error)}"[:300]
        state.give_up(
            OpenSlot(slot=number, reason="failed", detail=detail) for batch in batches for number in batch.slots
        )
        state.batches.failed += len(batches)
        state.batches_failed += [batch.root for batch in batches]

    # Steering ------------------------------------------------------------------------------------------------------

    def orders_of(self, shard: Shard) -> Orders:
        """What a shard is to go by now: its share of the width, and what was said to the run."""
        width = self.run.request.batching.concurrency
        shares = sharding.shares(max(width, len(self.active)), len(self.active))
        share = shares[list(self.active).index(shard.given.number)]
        said = shard.raised or shard.given.orders
        return said.model_copy(update={"share": share, "width": width, **self._common()})

    def outdated(self) -> list[Shard]:
        """Shards that go by other orders than they should."""
        return [
            shard
            for shard in self.active.values()
            if shard.handle is not None and not shard.ended and self.orders_of(shard) != shard.given.orders
        ]

    async def command(self) -> None:
        """Send orders to those, and raise the caps of those that have spent theirs while there is something left."""
        for shard in self.active.values():
            more = Allowance.of(self.run, self.active.values()).more(shard)
            if more is not None and shard.report is not None:
                orders, caps = shard.given.orders, {}
                if more.tokens is not None:
                    caps["tokens"] = (orders.tokens or 0) + more.tokens
                if more.usd is not None:
                    caps["usd"] = (orders.usd or 0.0) + more.usd
                shard.raised = orders.model_copy(update=caps)
                shard.report = shard.report.model_copy(update={"waits": "", "why": ""})
        for shard in self.outdated():
            shard.given.orders = self.orders_of(shard)
            shard.raised = None
            await (tell_promptly(shard) if workflow.patched(PROMPTLY) else _tell(shard))

    def collect(self) -> None:
        """Let go of those that have ended."""
        if self.broken is not None:
            raise self.broken
        self.active = {number: shard for number, shard in self.active.items() if not shard.ended}

    def cancel(self) -> None:
        """End them all, as the run is cancelled; calls in flight, which are paid for, may finish."""
        for shard in self.active.values():
            if shard.handle is not None:
                shard.handle.cancel()

    def stand_down(self) -> None:
        """Give back to the schedule what was never sent."""
        for piece in self.waiting:
            self.run.state.schedule.take_back(self._batches(piece))
        self.waiting.clear()

    def heard(self, report: Report) -> None:
        """A shard's report."""
        shard = self.active.get(report.number)
        if shard is not None:
            shard.report = report


async def tell_promptly(shard: Shard) -> None:
    """Send a shard its orders. The server tries for seconds to tell one that is just ending: that is not waited for."""
    if not shard.ended:
        telling = asyncio.create_task(_tell(shard))
        await workflow.wait_condition(lambda: telling.done() or shard.ended)


async def _tell(shard: Shard) -> None:
    with suppress(TemporalError):  # it has just ended
        if shard.handle is not None:
            await shard.handle.signal("orders", shard.given.orders)


def _cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error)[:200] or type(error).__name__


async def in_shards(run: Run) -> None:
    """Send all open batches to shards and see them through."""
    fleet = run.fleet = Fleet(run)
    fleet.deal()
    while fleet.active or (fleet.waiting and not run.ending):
        try:
            fleet.launch()
            await fleet.command()
            run.show()
            await workflow.wait_condition(lambda: _news(run, fleet))
        except asyncio.CancelledError:
            run.cancelled = True
            fleet.cancel()
        run.reported = False
        fleet.collect()
        fleet.deal()
    fleet.stand_down()
    run.fleet = None


def _news(run: Run, fleet: Fleet) -> bool:
    if fleet.broken is not None or any(shard.ended for shard in fleet.active.values()):
        return True
    if run.reported or fleet.may_launch() or fleet.outdated() or run.state.schedule.pending():
        return True
    if any(Allowance.of(run, fleet.active.values()).more(shard) is not None for shard in fleet.active.values()):
        return True
    return run.ending and not fleet.active
