"""The live screen of a run, as a function from a view to what rich prints: bars for the groups, and facts below."""

from collections.abc import Sequence

from rich.console import Group as Stack
from rich.console import RenderableType
from rich.constrain import Constrain
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from quire.durations import format_duration
from quire.progress import Group, Progress, format_progress_line
from runtime.session.run_view import RunView
from runtime.text.wording import format_count, format_usd, make_printable, shorten_middle

MAX_WIDTH = 110
"""Columns that are used of a very wide terminal."""
MAX_GROUPS, MIN_GROUPS = 12, 3
"""Groups that are shown, depending on the height of the terminal."""
SPARE_LINES = 7
"""Lines for the headline, the total, the other groups, and facts that take more than a line."""


def render_screen(view: RunView, width: int, height: int = 40) -> RenderableType:
    """Return what is shown of a view in a terminal of `width` columns and `height` lines."""
    progress = view.progress
    parts: list[RenderableType] = []
    if progress is None:
        parts.append(Text("Waiting for the run to answer", style="bold"))
    else:
        parts.append(Text(format_headline(progress), style="bold"))
        facts = list_facts(view, progress)
        groups, others = choose_groups(
            progress.groups, max(MIN_GROUPS, min(MAX_GROUPS, height - SPARE_LINES - len(facts)))
        )
        parts += [_build_bars(progress, groups, min(width, MAX_WIDTH) // 3)] if progress.target else []
        parts.append(_build_facts([("others", others, ""), *facts] if others else facts))
    if view.diagnosis is not None:
        parts.append(Text(view.diagnosis.message, style="bold red"))
    return Constrain(Stack(*parts), min(width, MAX_WIDTH))


def format_headline(progress: Progress) -> str:
    """Return the sentence that a person reads first, without the reason of a pause."""
    stage = "generating" if progress.stage == "paused" else progress.stage
    return format_progress_line(progress.model_copy(update={"stage": stage, "why": ""}))


def _build_bars(progress: Progress, groups: Sequence[Group], name_width: int) -> Table:
    """Return a bar for each of these groups, and one for the whole run."""
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=name_width)
    table.add_column(ratio=1)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for group in groups:
        name = shorten_middle(make_printable(group.name), name_width)
        _add_bar(table, name, group.items, group.failed, group.target)
    name = "all" if progress.groups else progress.noun
    _add_bar(table, name, progress.items, progress.failed, progress.target, style="bold")
    return table


def _add_bar(table: Table, name: str, items: int, failed: int, target: int, style: str = "") -> None:
    count = Text(f"{items:,}/{target:,}", style=style)
    if failed:
        count.append(f" {failed:,} failed", style="yellow")
    bar = ProgressBar(total=max(1, target), completed=items)
    table.add_row(Text(name, style=style), bar, count, Text(f"{100 * items // max(1, target)} %", style=style))


def choose_groups(groups: Sequence[Group], max_groups: int) -> tuple[list[Group], str]:
    """Return the groups to show, those in progress first, and the number of others by state, in words."""
    if len(groups) <= max_groups:
        return list(groups), ""
    done = [group for group in groups if group.items + group.failed >= group.target]
    in_progress = [group for group in groups if 0 < group.items + group.failed < group.target]
    not_begun = [group for group in groups if not group.items + group.failed and group.target]
    chosen = {id(group) for group in [*in_progress, *not_begun, *reversed(done)][:max_groups]}
    counts = [
        (sum(id(group) not in chosen for group in same_state), state)
        for same_state, state in ((done, "done"), (in_progress, "under way"), (not_begun, "not begun"))
    ]
    others = ", ".join(f"{count:,} {state}" for count, state in counts if count)
    return [group for group in groups if id(group) in chosen], f"{len(groups) - max_groups:,} more: {others}"


def _build_facts(facts: Sequence[tuple[str, str, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(ratio=1, overflow="fold")
    for label, text, style in facts:
        table.add_row(label, Text(make_printable(text), style=style))
    return table


def list_facts(view: RunView, progress: Progress) -> list[tuple[str, str, str]]:
    """Return label, text and style of each line below the bars; facts without a text are left out."""
    retrying = view.retrying
    retries = f"{format_count(retrying.retried, 'call')} tried again: {retrying.reason}" if retrying.retried else ""
    pause = progress.why or ("until resumed" if progress.stage == "paused" else "")
    facts = [
        ("batches", _format_batches(progress), ""),
        ("pace", _format_pace(view, progress), ""),
        ("tokens", _format_tokens(progress), ""),
        ("cost", _format_cost(view, progress), ""),
        ("retried", retries, "yellow"),
        ("stuck", "" if retries else retrying.trouble, "yellow"),
        ("waiting", retrying.describe_wait(), "yellow"),
        ("paused", pause, "bold yellow"),
        ("besides", _format_exceptions(progress), ""),
    ]
    return [fact for fact in facts if fact[1]]


def _format_batches(progress: Progress) -> str:
    counts = progress.batches
    planned = max(counts.planned, counts.completed + counts.failed)
    parts = [f"{counts.completed:,} of {planned:,} done"]
    parts += [f"{counts.failed:,} failed"] if counts.failed else []
    parts += [f"{progress.in_flight:,} in flight of {progress.concurrency:,}"] if progress.concurrency else []
    parts += [f"round {progress.rounds}"] if progress.rounds > 1 else []
    return ", ".join(parts) if planned else ""


def _format_pace(view: RunView, progress: Progress) -> str:
    forecast, parts = view.forecast, list[str]()
    if rate := forecast.items_per_minute:
        parts.append(f"{rate:,.{1 if rate < 100 else 0}f} {progress.noun} a minute")
    if forecast.seconds_left:
        parts.append(f"about {format_duration(forecast.seconds_left)} left")
    if progress.started and view.taken_at:
        parts.append(f"{format_duration(max(0, view.taken_at - progress.started))} so far")
    return ", ".join(parts)


def _format_tokens(progress: Progress) -> str:
    usage = progress.usage
    if not usage.calls:
        return ""
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    return f"{usage.prompt_tokens:,} in{cached}, {usage.completion_tokens:,} out, {format_count(usage.calls, 'call')}"


def _format_cost(view: RunView, progress: Progress) -> str:
    if not progress.usage.calls:
        return ""
    cost = format_usd(progress.usage.cost_usd)
    if progress.simulated:
        return f"{cost} (simulated: no model is asked)"
    expected = view.forecast.expected_cost_usd
    so_far = f"{cost} so far" if progress.usage.cost_usd is not None else cost
    return f"{so_far}, about {format_usd(expected)} in all" if expected else so_far


def _format_exceptions(progress: Progress) -> str:
    parts = [
        f"{progress.failed:,} given up" if progress.failed else "",
        f"{progress.duplicates_rejected:,} rejected as duplicates" if progress.duplicates_rejected else "",
        f"{progress.fallbacks:,} from templates" if progress.fallbacks else "",
        f"{format_count(progress.reused, 'answer')} reused" if progress.reused else "",
    ]
    return ", ".join(filter(None, parts))
