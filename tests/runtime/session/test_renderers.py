"""Output without a terminal: lines of progress, and JSON."""

import json

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.workflow.v1 import PendingActivityInfo

from quire.progress import Progress, format_progress_line
from runtime.session.renderers import JsonLineRenderer, LineRenderer
from runtime.session.run_view import RunView
from runtime.temporal.diagnosis import Diagnosis
from runtime.temporal.pending_calls import RetryingCalls, count_retrying_calls
from tests.support.progress import sample_progress


def progress_at(items: int, **changes: object) -> Progress:
    progress = sample_progress(items=items, target=1000, percent=items // 10, **changes)
    return progress.model_copy(update={"line": format_progress_line(progress)})


def test_progress_lines_of_a_long_run_come_in_steps_and_not_item_by_item(capsys: pytest.CaptureFixture[str]):
    lines = LineRenderer()
    for items in range(1001):
        lines.render(RunView("oq-1", progress_at(items)))
    lines.render(RunView("oq-1", progress_at(1000)), last=True)
    printed = capsys.readouterr().err.splitlines()
    assert (
        len(printed) == 21
        and printed[0].startswith("Generated 0/1000")
        and printed[-1].startswith("Generated 1000/1000")
    )


def test_a_pause_a_rate_limit_and_trouble_are_each_printed_once(capsys: pytest.CaptureFixture[str]):
    lines, paused = LineRenderer(), progress_at(10, stage="paused", waits_for="person", why="until resumed")
    trouble, limited = Diagnosis("server", "the server is away"), RetryingCalls(retried=1, rate_limited=1)
    for look in (
        *[RunView("oq-1", progress_at(10), retrying=limited)] * 3,
        *[RunView("oq-1", paused)] * 3,
        *[RunView("oq-1", paused, diagnosis=trouble)] * 3,
        *[RunView("oq-1", paused)] * 3,
    ):
        lines.render(look)
    printed = capsys.readouterr().err.splitlines()
    assert [row.partition(":")[0] for row in printed if "Generated" not in row] == [
        "rate limit",
        "the server is away",
        "it answers again",
    ]
    assert sum("paused: until resumed" in row for row in printed) == 1


def test_json_lines_have_the_fields_of_progress_and_the_trouble(capsys: pytest.CaptureFixture[str]):
    lines = JsonLineRenderer()
    lines.render(RunView("oq-1", None))
    lines.render(RunView("oq-1", progress_at(10)))
    lines.render(RunView("oq-1", progress_at(11)))  # too soon, and nothing of weight
    lines.render(RunView("oq-1", progress_at(11), diagnosis=Diagnosis("no worker", "no worker is there")))
    first, second, third = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["workflow_id"] == "oq-1" and "items" not in first
    assert set(Progress.model_fields) <= set(second) and second["items"] == 10 and second["trouble"] == ""
    assert third["items"] == 11 and third["trouble"] == "no worker is there"


def test_retried_calls_are_counted_with_their_most_frequent_reason():
    def call(attempt: int, kind: str, message: str, state: int = 1, seconds: int = 0) -> PendingActivityInfo:
        failure = Failure(message=message, application_failure_info=ApplicationFailureInfo(type=kind))
        return PendingActivityInfo(
            attempt=attempt, state=state, last_failure=failure, next_attempt_schedule_time=Timestamp(seconds=seconds)
        )

    counts = count_retrying_calls(
        [
            call(1, "", "", 2),
            call(2, "RateLimitError", "HTTP 429: slow down", seconds=130),
            call(3, "RateLimitError", "HTTP 429: slow down", seconds=120),
            call(2, "InternalServerError", "HTTP 500: oh", 2),
            call(2, "AwaitsItsTurn", "no room yet", seconds=140),
        ],
        now=100.0,
    )
    assert (counts.retried, counts.rate_limited, counts.awaiting_rates, counts.next_attempt) == (3, 2, 1, 120.0)
    assert counts.reason == "HTTP 429: slow down" and "2 calls told to slow down" in counts.describe_wait()
