"""What a run came to, as a person reads it: groups, figures, what is missing, where the files are, what to do next."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from activities import report
from activities.report import ledger
from activities.store.object_store import Store
from quire.progress import Group, Result
from quire.request import Request
from runtime.text.wording import duration, money, printable, several, shortened, wrapped

SHOWN_GROUPS = 20
SHOWN_FAILURES = 10
COLOURS = {"complete": "bold green", "partial": "bold yellow", "cancelled": "bold yellow", "failed": "bold red"}
COMMAND = "uv run starter.py"
UNBOUND = 10_000
"""Columns of a file."""
BESIDE = 64
"""Columns that a row of the groups' table takes beside the name."""
LABEL = 11
"""Columns of the names before each line."""


def tell(
    result: Result,
    files: dict[str, str],
    url: str | None,
    *,
    extendable: bool = False,
    console: Console | None = None,
) -> None:
    """Print it. `files` are addresses by name. In a file nothing is wrapped or cut; on a terminal only the terminal
    wraps, so that ids and addresses can be copied whole. `extendable`: whether the run can be made longer."""
    console = console or Console(highlight=False)
    if not console.is_terminal:
        console.width = UNBOUND
    counts = f", {result.items:,} of {result.target:,} {printable(result.noun)}"
    long = len(result.workflow_id) + len(result.verdict) + len(counts) + 2 > console.width
    head = Text(f"{result.workflow_id}:{chr(10) if long else ' '}")
    console.print(head.append(result.verdict, style=COLOURS[result.verdict]).append(counts), soft_wrap=True)
    if result.groups:
        console.print()
        console.print(_groups(result, max(16, console.width - BESIDE)))
        console.print()
    for name, said in [*_figures(result), *_missing(result)]:
        line = f"{name:<{LABEL}}{printable(said)}"
        console.print(wrapped(line, console.width, indent=LABEL), soft_wrap=True, markup=False)
    for name, address in [*files.items(), *([("Web UI", url)] if url else [])]:
        console.print(f"{name:<{LABEL}}{address}", soft_wrap=True, markup=False)
    for number, (step, what) in enumerate(_next(result, extendable=extendable)):
        line = f"{'' if number else 'next':<{LABEL}}{step}"
        fits = len(line) + len(what) + 3 <= console.width
        beside = f"   {what}" if fits else f"\n{'':<{LABEL + 2}}{what}"  # a command is copied whole
        console.print(line + beside, soft_wrap=True, markup=False)


def files_of(result: Result, request: Request) -> dict[str, str]:
    """Where the files of an ended run are, as a person can open them."""
    store = Store(request.output.store, result.workflow_id)
    also = ", ".join(_near(address) for address in result.artifacts.values() if address != result.artifact)
    return {
        "artifact": _near(result.artifact) if result.artifact else "none: nothing was made",
        **({"also": also} if also else {}),
        "report": _near(store.where(report.KEY)),
        "ledger": _near(store.where(ledger.KEY)),
        **({"MLflow": result.mlflow} if result.mlflow else {}),
    }


def _near(address: str) -> str:
    """A path relative to the current folder where it lies below it, else whole; addresses of buckets as they are."""
    if "://" in address:
        return address
    whole = Path(address).absolute()
    return str(whole.relative_to(Path.cwd())) if whole.is_relative_to(Path.cwd()) else str(whole)


def _groups(result: Result, room: int) -> Table:
    """A row for each group, those with something missing first where there are too many; the last is the whole."""
    groups = result.groups
    lacking = [group for group in groups if group.items < group.target]
    whole = [group for group in groups if group.items >= group.target]
    shown = {id(group) for group in [*lacking, *whole][:SHOWN_GROUPS]}
    twins = any(group.duplicates_rejected for group in groups)
    used = any(group.usage.calls for group in groups)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(printable(result.group_word), no_wrap=True, overflow="ellipsis", min_width=8)
    extra = [*(["missing"] if lacking else []), *(["duplicates"] if twins else [])]
    spent = ["tokens in", "tokens out", "cost"] if used else []
    for name in [result.noun, *extra, *spent]:
        table.add_column(printable(name), justify="right", no_wrap=True)

    def row(group: Group) -> list[str]:
        usage = group.usage
        cost = "?" if usage.cost_usd is None else money(usage.cost_usd)
        return [
            shortened(printable(group.name), room),
            f"{group.items:,} of {group.target:,}",
            *([f"{group.target - group.items:,}"] if lacking else []),
            *([f"{group.duplicates_rejected:,}"] if twins else []),
            *([f"{usage.prompt_tokens:,}", f"{usage.completion_tokens:,}", cost] if used else []),
        ]

    for group in groups:
        if id(group) in shown:
            table.add_row(*row(group))
    if len(groups) > SHOWN_GROUPS:
        hidden = len(groups) - SHOWN_GROUPS
        missing = sum(id(group) not in shown for group in lacking)
        table.add_row(f"… {hidden:,} more, " + (f"{missing:,} with gaps" if missing else "all complete"))
    return table


def _figures(result: Result) -> list[tuple[str, str]]:
    usage, counts = result.usage, result.batches
    cached = f", {usage.cached_tokens / usage.prompt_tokens:.0%}" if usage.cached_tokens else ""
    thought = f" ({usage.reasoning_tokens:,} of them thinking)" if usage.reasoning_tokens else ""
    failed = f", {counts.failed:,} failed" if counts.failed else ""
    said = [
        (
            "batches",
            f"{counts.completed:,} of {counts.planned:,}{failed}, {several(result.rounds, 'round')}, "
            f"{several(usage.calls, 'call')}",
        ),
        (
            "tokens",
            f"{usage.prompt_tokens:,} in ({usage.cached_tokens:,} cached{cached}), "
            f"{usage.completion_tokens:,} out{thought}",
        ),
        ("cost", money(usage.cost_usd)),
        ("time", duration(result.seconds) if result.seconds >= 60 else f"{result.seconds:.1f} s"),
    ]
    if result.duplicates_rejected:
        said.append(("duplicates", f"{result.duplicates_rejected:,} rejected"))
    if result.fallbacks:
        said.append(("templates", f"{result.fallbacks:,} {result.noun} not made by the model"))
    if result.reused:
        said.append(("reused", f"{several(result.reused, 'answer')} that an earlier run paid for; --fresh asks anew"))
    if result.simulated:
        said.append(("text", "SIMULATED: made by the offline simulator, not by a model"))
    return [*said, *(("warning", warning) for warning in result.warnings)]


def _missing(result: Result) -> list[tuple[str, str]]:
    shown = result.failed_slots[:SHOWN_FAILURES]
    said = [("missing", f"{failed.slot}: {failed.reason}") for failed in shown]
    more = result.failed_total - len(shown)
    return [*said, *([("", f"… and {more:,} more")] if more > 0 else [])]


def _next(result: Result, *, extendable: bool) -> list[tuple[str, str]]:
    """Commands that suit this end."""
    id = result.workflow_id
    said: list[tuple[str, str]] = []
    if result.verdict == "cancelled":
        said.append((f"{COMMAND} resume {id}", "go on; nothing is paid for twice"))
    elif result.failed_total:
        said.append((f"{COMMAND} retry-failed {id}", f"ask again for the {result.failed_total:,} missing"))
    if result.failed_total > SHOWN_FAILURES:
        said.append((f"{COMMAND} failed {id}", f"all {result.failed_total:,} missing, each with its reason"))
    if result.failed_slots:
        said.append((f"{COMMAND} explain {id} {result.failed_slots[0].slot}", "one slot's story, try by try"))
    if extendable and result.verdict == "complete":
        said.append((f"{COMMAND} extend {id} +10", f"ten {result.noun} more; only they are paid for"))
    if result.items:
        said.append((f"{COMMAND} report {id}", "timeline, cost, coverage and the items, in a browser"))
    return said
