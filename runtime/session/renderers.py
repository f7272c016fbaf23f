"""Ways to show the views of a run: a live screen, plain lines, JSON lines."""

import sys
import time
from types import TracebackType
from typing import Any, Protocol, Self

from rich.live import Live

from quire.durations import format_duration
from quire.progress import CYCLE, Progress, format_cycle_line
from runtime.session.live_screen import render_screen
from runtime.session.run_view import RunView
from runtime.text.console import format_json
from runtime.text.terminal import TextConsole
from runtime.text.wording import format_usd, make_printable

STEP_PERCENT = 5
"""Per cent from one plain line to the next if nothing else of importance happens."""
LINE_SECONDS = 60.0
"""Seconds after which a plain line is printed if anything has changed; and between two lines about a rate limit."""
STILL_SECONDS = 5.0
"""Seconds without progress after which the reason is printed."""
FREE_COLUMNS = 4
"""Columns left free beside the screen: a terminal prints `^C` behind the last line, which must not wrap."""
JSON_SECONDS, QUIET_JSON_SECONDS = 1.0, 10.0
"""Seconds between two JSON lines, at least; and if only something minor has changed."""


class Renderer(Protocol):
    """Shows views of a run while it is open."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def render(self, view: RunView, *, last: bool = False) -> None:
        """Show a view; `last` if the run has ended."""
        ...


class ScreenRenderer:
    """A live screen on standard error that is redrawn with each view."""

    def __init__(self) -> None:
        self._console = TextConsole(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def render(self, view: RunView, *, last: bool = False) -> None:
        """Redraw the screen. The last screen is removed, because the result of the run is printed after it."""
        self._live.transient = last
        screen = render_screen(view, self._console.width - FREE_COLUMNS, self._console.height)
        self._live.update(screen, refresh=True)


class _PrintingRenderer:
    """Base of renderers that only print, and need no opening or closing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class LineRenderer(_PrintingRenderer):
    """Plain lines on standard error: none twice, and one only if something of importance has changed."""

    def __init__(self) -> None:
        self._printed: set[str] = set()
        self._stage: tuple[str, str] | None = None
        self._percent, self._printed_at, self._wait_printed_at = -STEP_PERCENT, 0.0, -LINE_SECONDS
        self._diagnosis_kind = ""
        self._moved_line, self._moved_at, self._trouble_kind = "", 0.0, ""

    def render(self, view: RunView, *, last: bool = False) -> None:
        """Print what is new in a view."""
        self._print_diagnosis(view)
        if view.progress is not None and view.diagnosis is None:
            self._print_progress(view, view.progress, last=last)

    def _print_diagnosis(self, view: RunView) -> None:
        kind = view.diagnosis.kind if view.diagnosis else ""
        if kind != self._diagnosis_kind:
            _print_line(view.diagnosis.message if view.diagnosis else "it answers again")
        self._diagnosis_kind = kind

    def _print_progress(self, view: RunView, progress: Progress, *, last: bool) -> None:
        for cycle in list_ended_cycles(progress):
            if cycle not in self._printed:
                self._printed.add(cycle)
                _print_line(cycle)
        if progress.line not in self._printed and self._is_line_due(progress, last=last):
            self._printed.add(progress.line)
            self._stage, self._percent, self._printed_at = _get_stage(progress), progress.percent, time.monotonic()
            _print_line(", ".join([progress.line, *([] if last else _list_extras(view, progress))]))
        self._print_trouble(view, progress)
        wait = view.retrying.describe_wait()
        if wait and time.monotonic() - self._wait_printed_at >= LINE_SECONDS:
            self._wait_printed_at = time.monotonic()
            _print_line(wait)

    def _print_trouble(self, view: RunView, progress: Progress) -> None:
        """Print why nothing has moved for some seconds, once for each reason."""
        line = progress.line
        if line != self._moved_line:
            self._moved_line, self._moved_at, self._trouble_kind = line, view.taken_at, ""
        kind = view.retrying.trouble_kind
        if kind and kind != self._trouble_kind and view.taken_at - self._moved_at >= STILL_SECONDS:
            self._trouble_kind = kind
            _print_line(view.retrying.trouble)

    def _is_line_due(self, progress: Progress, *, last: bool) -> bool:
        stepped = progress.percent >= self._percent + STEP_PERCENT or progress.percent < self._percent
        waited = time.monotonic() - self._printed_at >= LINE_SECONDS
        return last or stepped or waited or _get_stage(progress) != self._stage


class JsonLineRenderer(_PrintingRenderer):
    """JSON lines on standard output: the fields of `Progress`, the forecast, and what keeps the run from answering."""

    def __init__(self) -> None:
        self._state: tuple[Any, ...] | None = None
        self._last: dict[str, Any] | None = None
        self._printed_at = 0.0

    def render(self, view: RunView, *, last: bool = False) -> None:
        """Print a line for every per cent and every change of stage, and now and then if anything else is new."""
        fields = to_json(view)
        kind = view.diagnosis.kind if view.diagnosis else ""
        state = (fields.get("percent"), fields.get("stage"), fields.get("waits_for"), kind, view.retrying.trouble_kind)
        seconds = time.monotonic() - self._printed_at
        stage_changed = self._state is None or state[1:4] != self._state[1:4]
        due_seconds = JSON_SECONDS if state != self._state else QUIET_JSON_SECONDS
        if fields == self._last or not (last or stage_changed or seconds >= due_seconds):
            return
        self._state, self._last, self._printed_at = state, fields, time.monotonic()
        print(format_json(fields), flush=True)


def to_json(view: RunView) -> dict[str, Any]:
    """Return a view as one JSON object."""
    progress = view.progress.model_dump(mode="json") if view.progress else {"workflow_id": view.workflow_id}
    return progress | {
        "items_per_minute": view.forecast.items_per_minute,
        "seconds_left": view.forecast.seconds_left,
        "expected_cost_usd": view.forecast.expected_cost_usd,
        "retried": view.retrying.retried,
        "rate_limit": view.retrying.describe_wait(),
        "trouble": view.diagnosis.message if view.diagnosis else "",
        "stuck": view.retrying.trouble,
    }


def list_ended_cycles(progress: Progress) -> list[str]:
    """Return a line for each complete cycle, with the total at its end, since a poll may come too late to see it."""
    if progress.group_word != CYCLE:
        return []
    return [
        format_cycle_line(progress.groups, index, group.ended_at)
        for index, group in enumerate(progress.groups)
        if group.ended_at is not None
    ]


def _get_stage(progress: Progress) -> tuple[str, str]:
    return progress.stage, progress.waits_for


def _list_extras(view: RunView, progress: Progress) -> list[str]:
    extras = [f"about {format_duration(view.forecast.seconds_left)} left"] if view.forecast.seconds_left else []
    extras += [f"{progress.failed:,} given up"] if progress.failed else []
    return [*extras, *([f"{format_usd(progress.usage.cost_usd)} so far"] if progress.usage.cost_usd else [])]


def _print_line(text: str) -> None:
    print(make_printable(text), file=sys.stderr, flush=True)
