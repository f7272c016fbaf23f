"""A live run on a screen: bars, and beside what there is to tell. A function from a look to what rich prints."""

from collections.abc import Sequence

from rich.console import Group as Stack
from rich.console import RenderableType
from rich.constrain import Constrain
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from quire.progress import Group, Progress, line
from runtime.session.run_view import Look
from runtime.text.wording import duration, money, printable, several, shortened

WIDEST = 110
"""Columns that are used of a very wide terminal."""
MOST, LEAST = 12, 3
"""Groups that are shown, by the height that there is."""
SPARE = 7
"""Lines for the headline, the whole, what else is told of groups, and lines that are too long for one."""


def view(look: Look, width: int, height: int = 40) -> RenderableType:
    """What is shown in a terminal of so many columns and lines."""
    progress = look.progress
    parts: list[RenderableType] = []
    if progress is None:
        parts.append(Text("Waiting for a first word of the run", style="bold"))
    else:
        parts.append(Text(headline(progress), style="bold"))
        rows = facts(look, progress)
        groups, rest = chosen(progress.groups, max(LEAST, min(MOST, height - SPARE - len(rows))))
        parts += [_bars(progress, groups, min(width, WIDEST) // 3)] if progress.target else []
        parts.append(_named([("others", rest, ""), *rows] if rest else rows))
    if look.trouble is not None:
        parts.append(Text(look.trouble.said, style="bold red"))
    return Constrain(Stack(*parts), min(width, WIDEST))


def headline(progress: Progress) -> str:
    """The sentence a person reads, without what it waits for."""
    stage = "generating" if progress.stage == "paused" else progress.stage
    return line(progress.model_copy(update={"stage": stage, "why": ""}))


def _bars(progress: Progress, groups: Sequence[Group], room: int) -> Table:
    """A bar for each of these groups, their names in so many columns, and one for the whole."""
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=room)
    table.add_column(ratio=1)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for group in groups:
        _bar(table, shortened(printable(group.name), room), group.items, group.failed, group.target)
    name = "all" if progress.groups else progress.noun
    _bar(table, name, progress.items, progress.failed, progress.target, style="bold")
    return table


def _bar(table: Table, name: str, items: int, failed: int, target: int, style: str = "") -> None:
    count = Text(f"{items:,}/{target:,}", style=style)
    if failed:
        count.append(f" {failed:,} failed", style="yellow")
    bar = ProgressBar(total=max(1, target), completed=items)
    table.add_row(Text(name, style=style), bar, count, Text(f"{100 * items // max(1, target)} %", style=style))


def chosen(groups: Sequence[Group], room: int) -> tuple[list[Group], str]:
    """Which groups are shown where there is room for so many: those under way, then others; the rest in words."""
    if len(groups) <= room:
        return list(groups), ""
    done = [group for group in groups if group.items + group.failed >= group.target]
    going = [group for group in groups if 0 < group.items + group.failed < group.target]
    to_come = [group for group in groups if not group.items + group.failed and group.target]
    shown = {id(group) for group in [*going, *to_come, *reversed(done)][:room]}
    counts = [
        (sum(id(group) not in shown for group in kind), said)
        for kind, said in ((done, "done"), (going, "under way"), (to_come, "not begun"))
    ]
    rest = ", ".join(f"{count:,} {said}" for count, said in counts if count)
    return [group for group in groups if id(group) in shown], f"{len(groups) - room:,} more: {rest}"


def _named(rows: Sequence[tuple[str, str, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(ratio=1, overflow="fold")
    for name, said, style in rows:
        table.add_row(name, Text(printable(said), style=style))
    return table


def facts(look: Look, progress: Progress) -> list[tuple[str, str, str]]:
    """Name, words and style of each line below the bars; what there is nothing to say of is left out."""
    again = look.again
    tries = f"{several(again.retried, 'call')} tried again: {again.reason}" if again.retried else ""
    waits = progress.why or ("until resumed" if progress.stage == "paused" else "")
    said = [
        ("batches", _batches(progress), ""),
        ("pace", _pace(look, progress), ""),
        ("tokens", _tokens(progress), ""),
        ("cost", _cost(look, progress), ""),
        ("retried", tries, "yellow"),
        ("waiting", again.words(), "yellow"),
        ("paused", waits, "bold yellow"),
        ("besides", _besides(progress), ""),
    ]
    return [one for one in said if one[1]]


def _batches(progress: Progress) -> str:
    counts = progress.batches
    planned = max(counts.planned, counts.completed + counts.failed)
    said = [f"{counts.completed:,} of {planned:,} done"]
    said += [f"{counts.failed:,} failed"] if counts.failed else []
    said += [f"{progress.in_flight:,} in flight of {progress.concurrency:,}"] if progress.concurrency else []
    said += [f"round {progress.rounds}"] if progress.rounds > 1 else []
    return ", ".join(said) if planned else ""


def _pace(look: Look, progress: Progress) -> str:
    pace = look.pace
    said = (
        [f"{pace.items_per_minute:,.{1 if pace.items_per_minute < 100 else 0}f} {progress.noun} a minute"]
        if pace.items_per_minute
        else []
    )
    said += [f"about {duration(pace.seconds_left)} left"] if pace.seconds_left else []
    said += [f"{duration(max(0, look.at - progress.started))} so far"] if progress.started and look.at else []
    return ", ".join(said)


def _tokens(progress: Progress) -> str:
    usage = progress.usage
    if not usage.calls:
        return ""
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    return f"{usage.prompt_tokens:,} in{cached}, {usage.completion_tokens:,} out, {several(usage.calls, 'call')}"


def _cost(look: Look, progress: Progress) -> str:
    if not progress.usage.calls:
        return ""
    if progress.simulated:
        return f"{money(progress.usage.cost_usd)} (simulated: no model is asked)"
    expected = look.pace.expected_cost_usd
    said = f"{money(progress.usage.cost_usd)} so far" if progress.usage.cost_usd is not None else money(None)
    return f"{said}, about {money(expected)} in all" if expected else said


def _besides(progress: Progress) -> str:
    said = [
        f"{progress.failed:,} given up" if progress.failed else "",
        f"{progress.duplicates_rejected:,} rejected as duplicates" if progress.duplicates_rejected else "",
        f"{progress.fallbacks:,} from templates" if progress.fallbacks else "",
        f"{several(progress.reused, 'answer')} reused" if progress.reused else "",
    ]
    return ", ".join(filter(None, said))
