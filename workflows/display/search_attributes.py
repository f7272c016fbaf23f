"""Search attributes: the columns of the list of runs, set seldom."""

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from quire.progress import Progress, Result
from workflows.display.web_ui_page import WAIT_LABELS
from workflows.state.state import State

RECIPE = SearchAttributeKey.for_keyword("QuireRecipe")
PROGRESS = SearchAttributeKey.for_keyword("QuireProgress")
PERCENT = SearchAttributeKey.for_int("QuirePercent")
VERDICT = SearchAttributeKey.for_keyword("QuireVerdict")
PERCENT_STEP = 5
"""Each upsert is an event in the history: there is one every few per cent, never one a batch."""


def publish_search_attributes(state: State, progress: Progress, *, force: bool, result: Result | None) -> None:
    """Set the search attributes if some per cent are done since the last time, or the run begins or ends a wait.

    `force` sets them in any case; `result` is given when the run has ended.
    """
    percent = 100 * progress.items // progress.target if progress.target else 0
    waits = "" if progress.in_flight else progress.waits_for  # near a budget's end it may wait between any two calls
    if not (force or waits != state.shown_waits or percent - state.shown_percent >= PERCENT_STEP):
        return
    state.shown_percent = percent
    state.shown_waits = waits
    counts = progress.batches
    text = f"{progress.items}/{progress.target} (Batch {counts.completed + counts.failed}/{counts.planned})"
    if waits:
        text += f", {WAIT_LABELS[waits]}"
    updates = [RECIPE.value_set(progress.recipe), PROGRESS.value_set(text), PERCENT.value_set(percent)]
    if result is not None:
        updates.append(VERDICT.value_set(result.verdict))
    workflow.upsert_search_attributes(updates)
