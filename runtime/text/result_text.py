"""An ended run's result for people: groups, figures, missing slots, addresses of the files, commands that come next."""

from pathlib import Path

from rich.table import Table
from rich.text import Text

from activities import report
from activities.report import ledger
from activities.store.object_store import Store
from quire.commands import starter_command
from quire.durations import format_duration
from quire.progress import Group, Result
from quire.request import Request
from runtime.text.console import SHOWN_GROUPS
from runtime.text.terminal import TextConsole
from runtime.text.wording import format_count, format_usd, make_printable, shorten_middle, wrap_text

SHOWN_FAILURES = 10
"""Missing slots that are listed."""
COLOURS = {"complete": "bold green", "partial": "bold yellow", "cancelled": "bold yellow", "failed": "bold red"}
FILE_WIDTH = 10_000
"""Columns of a console that writes into a file: nothing is wrapped."""
GROUP_COLUMNS_WIDTH = 64
"""Columns of the groups' table without its first, the group's name."""
LABEL_WIDTH = 11
"""Columns of the label at the start of each line."""


def print_result(
    result: Result,
    files: dict[str, str],
    url: str | None,
    *,
    extendable: bool = False,
    console: TextConsole | None = None,
) -> None:
    """Print a result. `files` are addresses by label, `url` is the run's page in the Web UI; `extendable` suggests
    `extend`. In a file nothing is wrapped or cut; on a terminal ids and addresses are left to the terminal to wrap, so
    that they can be copied whole."""
    console = console or TextConsole()
    if not console.is_terminal:
        console.width = FILE_WIDTH
    counts = f", {result.items:,} of {result.target:,} {make_printable(result.noun)}"
    is_long = len(result.workflow_id) + len(result.verdict) + len(counts) + 2 > console.width
    head = Text(f"{result.workflow_id}:{chr(10) if is_long else ' '}")
    console.print(head.append(result.verdict, style=COLOURS[result.verdict]).append(counts), soft_wrap=True)
    if result.groups:
        console.print()
        console.print(_build_group_table(result, max(16, console.width - GROUP_COLUMNS_WIDTH)))
        console.print()
    for label, text in [*_list_figures(result), *_list_missing_slots(result)]:
        line = f"{label:<{LABEL_WIDTH}}{make_printable(text)}"
        console.print(wrap_text(line, console.width, indent=LABEL_WIDTH), soft_wrap=True)
    for label, address in [*files.items(), *([("Web UI", url)] if url else [])]:
        console.print(f"{label:<{LABEL_WIDTH}}{address}", soft_wrap=True)
    for number, (command, purpose) in enumerate(_list_next_commands(result, extendable=extendable)):
        line = f"{'' if number else 'next':<{LABEL_WIDTH}}{command}"
        fits = len(line) + len(purpose) + 3 <= console.width
        # a purpose that does not fit goes to its own line, so that the command can be copied whole
        comment = f"   {purpose}" if fits else f"\n{'':<{LABEL_WIDTH + 2}}{purpose}"
        console.print(line + comment, soft_wrap=True)


def list_result_files(result: Result, request: Request) -> dict[str, str]:
    """Return the addresses of an ended run's files by label; those below the current folder are relative to it."""
    store = Store(request.output.store, result.workflow_id)
    others = ", ".join(
        _relative_address(address) for address in result.artifacts.values() if address != result.artifact
    )
    return {
        "artifact": _relative_address(result.artifact) if result.artifact else "none: nothing was made",
        **({"also": others} if others else {}),
        "report": _relative_address(store.address_of(report.PAGE_KEY)),
        "ledger": _relative_address(store.address_of(ledger.LEDGER_KEY)),
        **({"MLflow": result.mlflow} if result.mlflow else {}),
    }


def _relative_address(address: str) -> str:
    """Return a path below the current folder as relative, any other as absolute, and a URL as it is."""
    if "://" in address:
        return address
    path = Path(address).absolute()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _build_group_table(result: Result, name_width: int) -> Table:
    """Build a table with a row for each group. If there are too many, incomplete groups come first, and the last row
    counts those left out."""
    groups = result.groups
    incomplete = [group for group in groups if group.items < group.target]
    complete = [group for group in groups if group.items >= group.target]
    visible = {id(group) for group in [*incomplete, *complete][:SHOWN_GROUPS]}
    has_duplicates = any(group.duplicates_rejected for group in groups)
    has_usage = any(group.usage.calls for group in groups)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(make_printable(result.group_word), no_wrap=True, overflow="ellipsis", min_width=8)
    losses = [*(["missing"] if incomplete else []), *(["duplicates"] if has_duplicates else [])]
    usage_columns = ["tokens in", "tokens out", "cost"] if has_usage else []
    for name in [result.noun, *losses, *usage_columns]:
        table.add_column(make_printable(name), justify="right", no_wrap=True)

    def list_cells(group: Group) -> list[str]:
        usage = group.usage
        cost = "?" if usage.cost_usd is None else format_usd(usage.cost_usd)
        return [
            shorten_middle(make_printable(group.name), name_width),
            f"{group.items:,} of {group.target:,}",
            *([f"{group.target - group.items:,}"] if incomplete else []),
            *([f"{group.duplicates_rejected:,}"] if has_duplicates else []),
            *([f"{usage.prompt_tokens:,}", f"{usage.completion_tokens:,}", cost] if has_usage else []),
        ]

    for group in groups:
        if id(group) in visible:
            table.add_row(*list_cells(group))
    if len(groups) > SHOWN_GROUPS:
        hidden = len(groups) - SHOWN_GROUPS
        missing = sum(id(group) not in visible for group in incomplete)
        table.add_row(f"… {hidden:,} more, " + (f"{missing:,} with gaps" if missing else "all complete"))
    return table


def _list_figures(result: Result) -> list[tuple[str, str]]:
    usage, counts = result.usage, result.batches
    cached = f", {usage.cached_tokens / usage.prompt_tokens:.0%}" if usage.cached_tokens else ""
    reasoning = f" ({usage.reasoning_tokens:,} of them thinking)" if usage.reasoning_tokens else ""
    failed = f", {counts.failed:,} failed" if counts.failed else ""
    figures = [
        (
            "batches",
            f"{counts.completed:,} of {counts.planned:,}{failed}, {format_count(result.rounds, 'round')}, "
            f"{format_count(usage.calls, 'call')}",
        ),
        (
            "tokens",
            f"{usage.prompt_tokens:,} in ({usage.cached_tokens:,} cached{cached}), "
            f"{usage.completion_tokens:,} out{reasoning}",
        ),
        ("cost", format_usd(usage.cost_usd)),
        ("time", format_duration(result.seconds) if result.seconds >= 60 else f"{result.seconds:.1f} s"),
    ]
    if result.duplicates_rejected:
        figures.append(("duplicates", f"{result.duplicates_rejected:,} rejected"))
    if result.fallbacks:
        figures.append(("templates", f"{result.fallbacks:,} {result.noun} not made by the model"))
    if result.reused:
        figures.append(
            ("reused", f"{format_count(result.reused, 'answer')} that an earlier run paid for; --fresh asks again")
        )
    if result.simulated:
        figures.append(("text", "SIMULATED: made by the offline simulator, not by a model"))
    return [*figures, *(("warning", warning) for warning in result.warnings)]


def _list_missing_slots(result: Result) -> list[tuple[str, str]]:
    visible = result.failed_slots[:SHOWN_FAILURES]
    lines = [("missing", f"{failed.slot}: {failed.reason}") for failed in visible]
    hidden = result.failed_total - len(visible)
    return [*lines, *([("", f"… and {hidden:,} more")] if hidden > 0 else [])]


def _list_next_commands(result: Result, *, extendable: bool) -> list[tuple[str, str]]:
    """Return the commands that suit this result, each with its purpose."""
    id, missing = result.workflow_id, result.failed_total
    commands: list[tuple[str, str]] = []
    if result.verdict == "cancelled":
        commands.append((starter_command("resume", id), "go on; nothing is paid for twice"))
    elif missing:
        commands.append((starter_command("retry-failed", id), f"ask again for the {missing:,} missing"))
    if missing > SHOWN_FAILURES:
        commands.append((starter_command("failed", id), f"list all {missing:,} missing slots with their reasons"))
    if result.failed_slots:
        slot = result.failed_slots[0].slot
        commands.append((starter_command("explain", id, slot), "all attempts at one slot"))
    if extendable and result.verdict == "complete":
        commands.append((starter_command("extend", id, "+10"), f"ten {result.noun} more; only they are paid for"))
    if result.items:
        commands.append((starter_command("report", id), "timeline, cost, coverage and the items, in a browser"))
    return commands
