"""Ways to show looks at a run: a live screen, plain lines, JSON lines."""

import json
import sys
import time
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.live import Live

from quire.progress import CYCLE, Progress, cycle_line
from runtime.session.live_screen import view
from runtime.session.run_view import Look
from runtime.text.wording import duration, money, printable

STEP = 5
"""Per cent from one plain line to the next, where nothing else of weight happens."""
MINUTE = 60.0
"""Seconds after which a plain line is due where anything has changed; and between two words of a rate limit."""
MARGIN = 4
"""Columns that stay free: a terminal writes `^C` behind the last line, and must not begin a new one for it."""
OFTEN, SELDOM = 1.0, 10.0
"""Seconds between two JSON lines: at least, and where only something small has changed."""


class Show(Protocol):
    """Something that looks are shown on while it is open."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def show(self, look: Look, *, last: bool = False) -> None:
        """`last`: the run has ended."""
        ...


class Screen:
    """A view of everything that is drawn over and over, on standard error."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, look: Look, *, last: bool = False) -> None:
        """Draw it anew; what an ended run came to is told elsewhere."""
        self._live.transient = last
        self._live.update(view(look, self._console.width - MARGIN, self._console.height), refresh=True)


class _Written:
    """What needs no opening."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class Lines(_Written):
    """Plain lines on standard error: each said once, and one only where something of weight has changed."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._mark: tuple[str, str] | None = None
        self._percent, self._line, self._at, self._limited = -STEP, "", 0.0, -MINUTE
        self._trouble = ""

    def show(self, look: Look, *, last: bool = False) -> None:
        """Say what is new in it."""
        self._tell_trouble(look)
        if look.progress is not None and look.trouble is None:
            self._tell(look, look.progress, last=last)

    def _tell_trouble(self, look: Look) -> None:
        kind = look.trouble.kind if look.trouble else ""
        if kind != self._trouble:
            _say(look.trouble.said if look.trouble else "it answers again")
        self._trouble = kind

    def _tell(self, look: Look, progress: Progress, *, last: bool) -> None:
        for row in ended_cycles(progress):
            if row not in self._said:
                self._said.add(row)
                _say(row)
        if progress.line not in self._said and self._due(progress, last=last):
            self._said.add(progress.line)
            self._mark, self._percent, self._at = _mark(progress), progress.percent, time.monotonic()
            _say(", ".join([progress.line, *([] if last else _beside(look, progress))]))
        waits = look.again.words()
        if waits and time.monotonic() - self._limited >= MINUTE:
            self._limited = time.monotonic()
            _say(waits)

    def _due(self, progress: Progress, *, last: bool) -> bool:
        far = progress.percent >= self._percent + STEP or progress.percent < self._percent
        return last or far or _mark(progress) != self._mark or time.monotonic() - self._at >= MINUTE


class JsonLines(_Written):
    """Progress as JSON lines on standard output: its own names, and beside them what is expected and what is wrong."""

    def __init__(self) -> None:
        self._mark: tuple[Any, ...] | None = None
        self._last: dict[str, Any] | None = None
        self._at = 0.0

    def show(self, look: Look, *, last: bool = False) -> None:
        """A line at every per cent and change of state, and now and then where anything else is new."""
        said = as_json(look)
        kind = look.trouble.kind if look.trouble else ""
        mark = (said.get("percent"), said.get("stage"), said.get("waits_for"), kind)
        since = time.monotonic() - self._at
        stage_changed = self._mark is None or mark[1:] != self._mark[1:]
        if said == self._last or not (last or stage_changed or since >= (OFTEN if mark != self._mark else SELDOM)):
            return
        self._mark, self._last, self._at = mark, said, time.monotonic()
        print(json.dumps(said, ensure_ascii=False), flush=True)


def as_json(look: Look) -> dict[str, Any]:
    """A look as one JSON object."""
    progress = look.progress.model_dump(mode="json") if look.progress else {"workflow_id": look.workflow_id}
    return progress | {
        "items_per_minute": look.pace.items_per_minute,
        "seconds_left": look.pace.seconds_left,
        "expected_cost_usd": look.pace.expected_cost_usd,
        "retried": look.again.retried,
        "rate_limit": look.again.words(),
        "trouble": look.trouble.said if look.trouble else "",
    }


def ended_cycles(progress: Progress) -> list[str]:
    """A line for each cycle that is complete, with the total as it was then: a poll may come too late to see it."""
    if progress.group_word != CYCLE:
        return []
    return [
        cycle_line(progress.groups, index, group.ended_at)
        for index, group in enumerate(progress.groups)
        if group.ended_at is not None
    ]


def _mark(progress: Progress) -> tuple[str, str]:
    return progress.stage, progress.waits_for


def _beside(look: Look, progress: Progress) -> list[str]:
    said = [f"about {duration(look.pace.seconds_left)} left"] if look.pace.seconds_left else []
    said += [f"{progress.failed:,} given up"] if progress.failed else []
    return [*said, *([f"{money(progress.usage.cost_usd)} so far"] if progress.usage.cost_usd else [])]


def _say(text: str) -> None:
    print(printable(text), file=sys.stderr, flush=True)
