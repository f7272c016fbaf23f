"""The page of a run in the Web UI: progress, what the run waits for, what went wrong, where things are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from quire.commands import starter_command
from quire.contracts import Job
from quire.durations import format_duration
from quire.outcome import Usage
from quire.progress import Group, Progress, Result, find_current_group, format_progress_line
from quire.request import Request
from workflows.display import web_ui_markdown as md
from workflows.state.shard_messages import ShardReport, ShardRow
from workflows.state.state import State

SHOWN_GROUPS = 20
SHOWN_REASONS = 10
SHOWN_WARNINGS = 5
WAIT_LABELS = {
    "person": "paused",
    "approval": "waits for approval",
    "budget": "waits for a higher budget",
    "repair": "waits for a fix",
    "quota": "waits for the quota",
}
"""What a run waits for, in the words of its page and of the list."""
UI_ACTIONS = {
    "person": "Send a Signal, resume",
    "approval": "Send an Update, approve",
    "budget": "Send an Update, raise_budget; or Send a Signal, finish_now",
    "repair": "Send a Signal, resume",
}
"""The entry under More Actions on the run's page that ends the wait."""


@dataclass(frozen=True)
class Page:
    """Everything that the page is rendered from."""

    state: State
    progress: Progress
    request: Request
    job: Job
    namespace: str
    now: datetime
    shards: Sequence[ShardRow] = ()
    shards_waiting: int = 0
    result: Result | None = None
    """Set when the run has ended."""


def render_run_page(page: Page) -> str:
    """Return the page's Markdown. Setting it adds no event; it is as of the moment when the last batch was done."""
    progress = page.progress
    sections = [
        [f"### {_render_headline(page)}"],
        [f"{md.draw_bar(progress.items, progress.target, width=24)} {progress.percent} %"] if progress.target else [],
        _render_wait(progress),
        md.render_table(["", ""], _list_facts(page)),
        _render_groups(progress),
        _render_shards(page),
        _render_failed_slots(page),
        _render_warnings(page),
        _render_simulated(page),
        _render_next_step(page),
    ]
    return _join_sections(sections)


def _join_sections(sections: Sequence[Sequence[str]]) -> str:
    return "\n\n".join("\n".join(section) for section in sections if section)


def _render_headline(page: Page) -> str:
    if page.result is not None:
        return (
            f"{page.result.verdict}: {page.result.items} of {page.result.target} {md.escape_markdown(page.result.noun)}"
        )
    text = format_progress_line(page.progress.model_copy(update={"why": ""}))
    return md.escape_markdown(re.sub(r"(?<=\d)/(?=\d)", " of ", text))  # the UI would make 2/25 a typographic fraction


def _render_wait(progress: Progress) -> list[str]:
    if not progress.waits_for:
        return []
    calls = f" {progress.in_flight} calls are still in flight." if progress.in_flight else ""
    label = WAIT_LABELS[progress.waits_for].capitalize()
    lines = [f"**{label}:** {md.escape_markdown(progress.why)}.{calls}"]
    if progress.waits_for in UI_ACTIONS:
        lines += ["", f"Here: More Actions, {md.escape_markdown(UI_ACTIONS[progress.waits_for])}."]
    return lines


def _list_facts(page: Page) -> list[list[str]]:
    progress, batches = page.progress, page.progress.batches
    rounds = f", round {progress.rounds}" if progress.rounds > 1 else ""
    in_flight = f", {progress.in_flight} of {progress.concurrency} in flight" if page.result is None else ""
    reused = f", {progress.reused} found in the store" if progress.reused else ""
    facts = {
        "batches": f"{batches.completed} of {batches.planned} done{rounds}",
        "calls": f"{progress.usage.calls:,} answered{reused}{in_flight}",
        "given up": str(progress.failed or ""),
        "duplicates rejected": str(progress.duplicates_rejected or ""),
        "from templates": str(progress.fallbacks or ""),
        "tokens": _format_tokens(progress.usage),
        "cost": _format_cost(progress.usage),
        "time": _format_time(page),
        "model": _format_models(page.request),
        "files": md.format_code(f"{page.job.store.rstrip('/')}/{page.job.workflow_id}/"),
    }
    if page.result is not None and page.result.artifact:
        facts["artifact"] = md.format_code(page.result.artifact)
    return [[md.prevent_wrapping(name), value] for name, value in facts.items() if value]


def _format_tokens(usage: Usage) -> str:
    reasoning = f" ({usage.reasoning_tokens:,} thinking)" if usage.reasoning_tokens else ""
    return f"{usage.prompt_tokens:,} in ({usage.cached_tokens:,} cached), {usage.completion_tokens:,} out{reasoning}"


def _format_cost(usage: Usage) -> str:
    return "unknown" if usage.cost_usd is None else md.escape_markdown(f"${usage.cost_usd:.4f}")


def _format_time(page: Page) -> str:
    if page.result is not None:
        return format_duration(page.result.seconds)
    state, progress = page.state, page.progress
    if not state.started:  # a message came before the first line of the run
        return ""
    elapsed = page.now.timestamp() - state.started
    text = f"{format_duration(elapsed)}, as of {page.now:%H:%M:%S} UTC"
    seconds_left = _estimate_seconds_left(page, elapsed) if progress.stage == "generating" else None
    return text if seconds_left is None else f"{text}; about {format_duration(max(1, seconds_left))} left"


def _estimate_seconds_left(page: Page, elapsed: float) -> float | None:
    """Return how long the planned batches may still take, by the duration of a call or else by the time so far; None if
    neither tells."""
    state, batches = page.state, page.progress.batches
    done = batches.completed + batches.failed
    open_batches = batches.planned - done
    if open_batches <= 0 or not done:
        return None
    if state.seconds_per_call:
        return -(-open_batches // max(1, page.progress.concurrency)) * state.seconds_per_call
    return None if state.continue_earlier_run else elapsed / done * open_batches


def _format_models(request: Request) -> str:
    generator, planner = request.generator.name, request.model.name
    text = generator if generator == planner else f"{generator}; {planner} plans and judges"
    return md.escape_markdown(text)


def _render_groups(progress: Progress) -> list[str]:
    """Return a row for each group; of very many groups those around the current one."""
    groups = progress.groups
    too_many = len(groups) > SHOWN_GROUPS
    first = max(0, min(find_current_group(groups) - SHOWN_GROUPS // 2, len(groups) - SHOWN_GROUPS)) if too_many else 0
    visible = groups[first : first + SHOWN_GROUPS]
    columns = {
        "given up": [group.failed for group in visible],
        "duplicates": [group.duplicates_rejected for group in visible],
    }
    columns = {name: counts for name, counts in columns.items() if any(counts)}
    heads = [md.escape_markdown(progress.group_word), "", md.escape_markdown(progress.noun)]
    rows = md.render_table(
        [*heads, *map(md.prevent_wrapping, columns)],
        [
            [*_list_group_cells(group), *(f"{counts[at]:,}" for counts in columns.values())]
            for at, group in enumerate(visible)
        ],
        numbers=True,
    )
    after = len(groups) - first - len(visible)
    if first or after:
        rows += ["", f"{first} before these and {after} after them are not shown."]
    return rows


def _list_group_cells(group: Group) -> list[str]:
    filled = md.prevent_wrapping(f"{group.items:,} of {group.target:,}")
    return [md.escape_markdown(group.name), md.draw_bar(group.items, group.target), filled]


def _render_shards(page: Page) -> list[str]:
    if not page.shards:
        return []
    heads = ["shard", "", md.escape_markdown(page.progress.noun), md.prevent_wrapping("in flight")]
    ended = page.state.shards_started - len(page.shards)
    return [
        *md.render_table(heads, [_list_shard_cells(row, page.namespace) for row in page.shards], numbers=True),
        "",
        f"{ended} shards have ended, {page.shards_waiting} wait for a place.",
    ]


def _list_shard_cells(row: ShardRow, namespace: str) -> list[str]:
    items, in_flight = (row.report.items, row.report.in_flight) if row.report else (0, 0)
    link = md.link_to_run(md.prevent_wrapping(f"shard {row.number}"), namespace, row.workflow_id)
    filled = md.prevent_wrapping(f"{items:,} of {row.target:,}")
    return [link, md.draw_bar(items, row.target), filled, str(in_flight)]


def _render_failed_slots(page: Page) -> list[str]:
    """Return the first slots that gave up, with their reasons: by key once the artifact is assembled, before that by
    number."""
    if page.result is not None:
        reasons = [f"{slot.slot}: {slot.reason}" for slot in page.result.failed_slots[:SHOWN_REASONS]]
        total = page.result.failed_total
    else:
        failed = page.state.failed[:SHOWN_REASONS]
        reasons = [f"number {slot.slot}: {slot.reason}, {slot.detail}".rstrip(", ") for slot in failed]
        total = page.progress.failed
    if not reasons:
        return []
    more = [f"- … {total - len(reasons)} more, all of them in report.json"] if total > len(reasons) else []
    return ["#### Given up", "", *(f"- {md.escape_markdown(reason)}" for reason in reasons), *more]


def _render_warnings(page: Page) -> list[str]:
    warnings = page.result.warnings if page.result is not None else page.state.warnings
    if not warnings:
        return []
    return ["#### Warnings", "", *(f"- {md.escape_markdown(warning)}" for warning in warnings[-SHOWN_WARNINGS:])]


def _render_simulated(page: Page) -> list[str]:
    if not page.progress.simulated:
        return []
    return ["The text is **simulated**: it comes from the offline simulator, not from a model."]


def _render_next_step(page: Page) -> list[str]:
    """Return the command that generates what is missing, if anything is."""
    if page.result is None or page.result.verdict == "complete":
        return []
    command = md.format_code(starter_command("resume", page.job.workflow_id))
    return [f"{command} generates what is missing; what is there is not paid for again."]


def render_shard_page(run: Job, namespace: str, report: ShardReport, batches: int) -> str:
    """Return the Markdown of a shard's page; `batches` is the number of its batches."""
    rows = [
        ["batches", f"{report.batches_completed} of {batches} done"],
        ["calls", f"{report.usage.calls:,} answered, {report.in_flight} in flight"],
        [md.prevent_wrapping("given up"), str(report.failed)],
        ["tokens", _format_tokens(report.usage)],
        ["cost", _format_cost(report.usage)],
    ]
    wait = f"**{WAIT_LABELS[report.waits].capitalize()}:** {md.escape_markdown(report.why)}." if report.waits else ""
    link = md.link_to_run(run.workflow_id, namespace, run.workflow_id)
    sections = [
        [f"### Shard {report.number}: {report.items:,} items"],
        [wait] if wait else [],
        md.render_table(["", ""], rows),
        [f"This is a part of {link}; steer it there."],
    ]
    return _join_sections(sections)
