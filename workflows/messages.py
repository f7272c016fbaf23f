"""What people see of a run in the Web UI and the Temporal CLI."""

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from quire.progress import Progress, Result
from workflows.reports import Report
from workflows.state import State

RECIPE = SearchAttributeKey.for_keyword("QuireRecipe")
PROGRESS = SearchAttributeKey.for_keyword("QuireProgress")
PERCENT = SearchAttributeKey.for_int("QuirePercent")
VERDICT = SearchAttributeKey.for_keyword("QuireVerdict")
STEP = 5
"""Each upsert is an event in the history: one every so many per cent, never one a batch."""


def details(progress: Progress, warnings: list[str], ended: Result | None) -> str:
    """Markdown for the run's page; costs no event."""
    usage = progress.usage
    rows = [
        f"**{progress.line}**" if ended is None else f"**{ended.verdict}: {ended.items}/{ended.target} {ended.noun}**",
        "",
        "| | |",
        "|---|---|",
        f"| {progress.noun} | {progress.items} of {progress.target} |",
        f"| given up | {progress.failed} |",
        f"| calls answered | {usage.calls} |",
        f"| tokens in, cached, out | {usage.prompt_tokens}, {usage.cached_tokens}, {usage.completion_tokens} |",
        f"| cost | {'unknown' if usage.cost_usd is None else f'${usage.cost_usd:.4f}'} |",
    ]
    if ended is not None:
        rows.append(f"| artifact | `{ended.artifact}` |")
    if progress.simulated:
        rows += ["", "The text is **simulated**: it comes from the offline simulator, not from a model."]
    return "\n".join([*rows, *(f"- {warning}" for warning in (ended.warnings if ended else warnings)[-5:])])


def shard_details(report: Report) -> str:
    """The same for a shard's page."""
    return "\n".join(
        [
            f"**shard {report.number}: {report.items} items**" + (f" (waits: {report.why})" if report.why else ""),
            "",
            "| | |",
            "|---|---|",
            f"| batches done | {report.completed} |",
            f"| batches given up | {report.given_up} |",
            f"| calls answered | {report.usage.calls} |",
        ]
    )


def publish(state: State, progress: Progress, *, force: bool, ended: Result | None) -> None:
    """Search attributes, throttled."""
    percent = 100 * progress.items // progress.target if progress.target else 0
    if not force and percent - state.shown_percent < STEP:
        return
    state.shown_percent = percent
    counts = progress.batches
    shown = f"{progress.items}/{progress.target} (Batch {counts.completed + counts.failed}/{counts.planned})"
    updates = [RECIPE.value_set(progress.recipe), PROGRESS.value_set(shown), PERCENT.value_set(percent)]
    if ended is not None:
        updates.append(VERDICT.value_set(ended.verdict))
    workflow.upsert_search_attributes(updates)
