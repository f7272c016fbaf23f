"""The page of a run in the Web UI: how far it is, what it waits for, what went wrong, where things are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from quire.contracts import Job
from quire.outcome import Usage
from quire.progress import Group, Progress, Result, current, line
from quire.request import Request
from workflows.display import web_ui_markdown as md
from workflows.state.shard_messages import Report
from workflows.state.state import State

MOST_GROUPS = 20
MOST_REASONS = 10
MOST_WARNINGS = 5
AWAITED = {
    "person": "paused",
    "approval": "waits for approval",
    "budget": "waits for a higher budget",
    "repair": "waits to be mended",
    "quota": "waits for the quota",
}
"""What a run waits for, in the words of its page and of the list."""
FROM_HERE = {
    "person": "Send a Signal, resume",
    "approval": "Send an Update, approve",
    "budget": "Send an Update, raise_budget; or Send a Signal, finish_now",
    "repair": "Send a Signal, resume",
}
"""What helps, under More Actions on the run's page."""


@dataclass(frozen=True)
class ShardRow:
    """A shard at work, as its run's page tells it."""

    number: int
    workflow_id: str
    target: int
    report: Report | None


@dataclass(frozen=True)
class Page:
    """All that the page is made from."""

    state: State
    progress: Progress
    request: Request
    job: Job
    namespace: str
    now: datetime
    shards: Sequence[ShardRow] = ()
    shards_waiting: int = 0
    ended: Result | None = None


def details(page: Page) -> str:
    """Markdown; costs no event. It is from the moment when the last batch was settled."""
    shown = page.progress
    parts = [
        [f"### {_headline(page)}"],
        [f"{md.bar(shown.items, shown.target, width=24)} {shown.percent} %"] if shown.target else [],
        _waiting(shown),
        md.table(["", ""], _facts(page)),
        _groups(shown),
        _shards(page),
        _given_up(page),
        _warnings(page),
        _simulated(page),
        _next(page),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _headline(page: Page) -> str:
    if page.ended is not None:
        return f"{page.ended.verdict}: {page.ended.items} of {page.ended.target} {md.plain(page.ended.noun)}"
    said = line(page.progress.model_copy(update={"why": ""}))
    return md.plain(re.sub(r"(?<=\d)/(?=\d)", " of ", said))  # the UI would make 2/25 a typographer's fraction


def _waiting(shown: Progress) -> list[str]:
    if not shown.waits_for:
        return []
    calls = f" {shown.in_flight} calls are still in flight." if shown.in_flight else ""
    said = [f"**{AWAITED[shown.waits_for].capitalize()}:** {md.plain(shown.why)}.{calls}"]
    if shown.waits_for in FROM_HERE:
        said += ["", f"Here: More Actions, {md.plain(FROM_HERE[shown.waits_for])}."]
    return said


def _facts(page: Page) -> list[list[str]]:
    shown, batches = page.progress, page.progress.batches
    rounds = f", round {shown.rounds}" if shown.rounds > 1 else ""
    flight = f", {shown.in_flight} of {shown.concurrency} in flight" if page.ended is None else ""
    found = f", {shown.reused} found in the store" if shown.reused else ""
    facts = {
        "batches": f"{batches.completed} of {batches.planned} done{rounds}",
        "calls": f"{shown.usage.calls:,} answered{found}{flight}",
        "given up": str(shown.failed or ""),
        "twins rejected": str(shown.duplicates_rejected or ""),
        "from templates": str(shown.fallbacks or ""),
        "tokens": _tokens(shown.usage),
        "cost": _cost(shown.usage),
        "time": _time(page),
        "model": _models(page.request),
        "files": md.code(f"{page.job.store.rstrip('/')}/{page.job.workflow_id}/"),
    }
    if page.ended is not None and page.ended.artifact:
        facts["artifact"] = md.code(page.ended.artifact)
    return [[md.unbroken(name), value] for name, value in facts.items() if value]


def _tokens(usage: Usage) -> str:
    thought = f" ({usage.reasoning_tokens:,} thinking)" if usage.reasoning_tokens else ""
    return f"{usage.prompt_tokens:,} in ({usage.cached_tokens:,} cached), {usage.completion_tokens:,} out{thought}"


def _cost(usage: Usage) -> str:
    return "unknown" if usage.cost_usd is None else md.plain(f"${usage.cost_usd:.4f}")


def _time(page: Page) -> str:
    if page.ended is not None:
        return md.duration(page.ended.seconds)
    state, shown = page.state, page.progress
    if not state.started:  # a message came before the first line of the run
        return ""
    taken = page.now.timestamp() - state.started
    said = f"{md.duration(taken)}, as of {page.now:%H:%M:%S} UTC"
    left = _left(page, taken) if shown.stage == "generating" else None
    return said if left is None else f"{said}; about {md.duration(max(1, left))} left"


def _left(page: Page, taken: float) -> float | None:
    """Seconds that the planned batches may still take: by what a call takes; where that is not known, by the time so
    far."""
    state, batches = page.state, page.progress.batches
    done = batches.completed + batches.failed
    open_ = batches.planned - done
    if open_ <= 0 or not done:
        return None
    if state.seconds_a_call:
        return -(-open_ // max(1, page.progress.concurrency)) * state.seconds_a_call
    return None if state.take_over else taken / done * open_


def _models(request: Request) -> str:
    makes, plans = request.generator.name, request.model.name
    return md.plain(makes if makes == plans else f"{makes}; {plans} plans and judges")


def _groups(shown: Progress) -> list[str]:
    """A row for each group; of very many those around the one that the run is in."""
    groups = shown.groups
    many = len(groups) > MOST_GROUPS
    first = max(0, min(current(groups) - MOST_GROUPS // 2, len(groups) - MOST_GROUPS)) if many else 0
    near = groups[first : first + MOST_GROUPS]
    counted = {
        "given up": [group.failed for group in near],
        "twins": [group.duplicates_rejected for group in near],
    }
    told = {name: counts for name, counts in counted.items() if any(counts)}
    heads = [md.plain(shown.group_word), "", md.plain(shown.noun), *map(md.unbroken, told)]
    rows = md.table(
        heads,
        [[*_group(group), *(f"{counts[at]:,}" for counts in told.values())] for at, group in enumerate(near)],
        numbers=True,
    )
    after = len(groups) - first - len(near)
    if first or after:
        rows += ["", f"{first} before these and {after} after them are not shown."]
    return rows


def _group(group: Group) -> list[str]:
    filled = md.unbroken(f"{group.items:,} of {group.target:,}")
    return [md.plain(group.name), md.bar(group.items, group.target), filled]


def _shards(page: Page) -> list[str]:
    if not page.shards:
        return []
    rows = [_shard(row, page.namespace) for row in page.shards]
    ended = page.state.shards - len(page.shards)
    return [
        *md.table(["shard", "", md.plain(page.progress.noun), md.unbroken("in flight")], rows, numbers=True),
        "",
        f"{ended} shards have ended, {page.shards_waiting} wait for a place.",
    ]


def _shard(row: ShardRow, namespace: str) -> list[str]:
    items, in_flight = (row.report.items, row.report.in_flight) if row.report else (0, 0)
    page = md.link(md.unbroken(f"shard {row.number}"), namespace, row.workflow_id)
    return [page, md.bar(items, row.target), md.unbroken(f"{items:,} of {row.target:,}"), str(in_flight)]


def _given_up(page: Page) -> list[str]:
    """The first slots that gave up, with their reasons: by key once the artifact is bound, by number until then."""
    if page.ended is not None:
        said = [f"{slot.slot}: {slot.reason}" for slot in page.ended.failed_slots[:MOST_REASONS]]
        total = page.ended.failed_total
    else:
        failed = page.state.failed
        said = [f"number {slot.slot}: {slot.reason}, {slot.detail}".rstrip(", ") for slot in failed[:MOST_REASONS]]
        total = page.progress.failed
    if not said:
        return []
    more = [f"- … {total - len(said)} more, all of them in report.json"] if total > len(said) else []
    return ["#### Given up", "", *(f"- {md.plain(one)}" for one in said), *more]


def _warnings(page: Page) -> list[str]:
    said = page.ended.warnings if page.ended is not None else page.state.warnings
    return ["#### Warnings", "", *(f"- {md.plain(one)}" for one in said[-MOST_WARNINGS:])] if said else []


def _simulated(page: Page) -> list[str]:
    if not page.progress.simulated:
        return []
    return ["The text is **simulated**: it comes from the offline simulator, not from a model."]


def _next(page: Page) -> list[str]:
    """What a person may do where something is missing."""
    if page.ended is None or page.ended.verdict == "complete":
        return []
    name = page.job.workflow_id
    return [
        f"{md.code(f'uv run starter.py resume {name}')} makes what is missing; what is there is not paid for again."
    ]


def shard_details(run: Job, namespace: str, report: Report, batches: int) -> str:
    """The same for a shard's page."""
    rows = [
        ["batches", f"{report.completed} of {batches} done"],
        ["calls", f"{report.usage.calls:,} answered, {report.in_flight} in flight"],
        [md.unbroken("given up"), str(report.failed)],
        ["tokens", _tokens(report.usage)],
        ["cost", _cost(report.usage)],
    ]
    waiting = [f"**{AWAITED[report.waits].capitalize()}:** {md.plain(report.why)}."] if report.waits else []
    parts = [
        [f"### Shard {report.number}: {report.items:,} items"],
        waiting,
        md.table(["", ""], rows),
        [f"A part of {md.link(run.workflow_id, namespace, run.workflow_id)}, where it is steered."],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)
