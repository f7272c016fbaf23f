"""What the list of runs shows: search attributes, set seldom."""

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from quire.progress import Progress, Result
from workflows.display.web_ui_page import AWAITED
from workflows.state.state import State

RECIPE = SearchAttributeKey.for_keyword("QuireRecipe")
PROGRESS = SearchAttributeKey.for_keyword("QuireProgress")
PERCENT = SearchAttributeKey.for_int("QuirePercent")
VERDICT = SearchAttributeKey.for_keyword("QuireVerdict")
STEP = 5
"""Each upsert is an event in the history: one every so many per cent, never one a batch."""
WAITING = "the list says what a run waits for"
"""Patch that sets the attributes when a run comes to a stand, and when it goes on."""


def publish(state: State, progress: Progress, *, force: bool, ended: Result | None) -> None:
    """Search attributes, throttled: every few per cent, and where the run begins or ceases to wait for something."""
    percent = 100 * progress.items // progress.target if progress.target else 0
    stands = "" if progress.in_flight else progress.waits_for  # near a budget's end it may wait between any two calls
    news = stands != state.shown_waits and workflow.patched(WAITING)
    if not (force or news or percent - state.shown_percent >= STEP):
        return
    state.shown_percent = percent
    state.shown_waits = stands
    counts = progress.batches
    shown = f"{progress.items}/{progress.target} (Batch {counts.completed + counts.failed}/{counts.planned})"
    if stands:
        shown += f", {AWAITED[stands]}"
    updates = [RECIPE.value_set(progress.recipe), PROGRESS.value_set(shown), PERCENT.value_set(percent)]
    if ended is not None:
        updates.append(VERDICT.value_set(ended.verdict))
    workflow.upsert_search_attributes(updates)
