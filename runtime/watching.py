"""Follow a run to its end: a live line on a terminal, plain lines elsewhere."""

import asyncio
from contextlib import suppress
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from temporalio.service import RPCError

from quire.progress import CYCLE, Progress, cycle_line
from runtime.runs import Handle, outcome_of, progress_of

_PAUSE = 0.4


Seen = Literal["ended", "stopped", "broken"]
"""The run ended; the person stopped watching; something must be mended before the run can go on."""


async def follow(handle: Handle, stop: asyncio.Event, *, live: bool) -> Seen:
    """Show progress until the run ends, the person stops watching, or nothing goes on that this process could mend."""
    ended = asyncio.create_task(outcome_of(handle))
    stopping = asyncio.create_task(stop.wait())
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not live,
    )
    try:
        with bars:
            bar = bars.add_task("Planning", total=1)
            said: list[str] = []
            while not ended.done() and not stopping.done():
                shown = await progress_of(handle)
                _show(bars, bar, shown, said, live=live)
                if shown is not None and shown.waits_for == "repair" and not shown.in_flight:
                    return "broken"
                await asyncio.wait({ended, stopping}, timeout=_PAUSE, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                with suppress(RPCError):
                    _show(bars, bar, await progress_of(handle), said, live=live)
    finally:
        stopping.cancel()
        if not ended.done():
            ended.cancel()
            with suppress(asyncio.CancelledError):
                await ended
    return "ended" if ended.done() and not ended.cancelled() else "stopped"


def _show(bars: Bars, bar: TaskID, progress: Progress | None, said: list[str], *, live: bool) -> None:
    line = progress.line if progress else "waiting for a worker"
    if progress and progress.target:
        bars.update(bar, description=line, completed=progress.items, total=progress.target)
    else:
        bars.update(bar, description=line)
    if not live:
        ended = _ended_cycles(progress) if progress else []
        for row in [*ended, line]:
            if row not in said:
                Console(stderr=True, highlight=False).print(row, soft_wrap=True)
                said.append(row)


def _ended_cycles(progress: Progress) -> list[str]:
    """A line for each cycle that is complete, with the total as it was then: a poll may come too late to see it."""
    if progress.group_word != CYCLE:
        return []
    return [
        cycle_line(progress.groups, index, group.ended_at)
        for index, group in enumerate(progress.groups)
        if group.ended_at is not None
    ]
