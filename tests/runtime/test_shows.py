"""What is printed where there is no terminal: lines of weight, and JSON."""

import json

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.workflow.v1 import PendingActivityInfo

from quire.progress import Progress, line
from runtime.session.renderers import JsonLines, Lines
from runtime.session.run_view import Look
from runtime.temporal.diagnosis import Trouble
from runtime.temporal.pending_calls import Again, counted
from tests.runtime.test_live_view import progress


def at(items: int, **said: object) -> Progress:
    made = progress(items=items, target=1000, percent=items // 10, **said)
    return made.model_copy(update={"line": line(made)})


def test_a_long_run_is_told_in_steps_and_not_item_by_item(capsys: pytest.CaptureFixture[str]):
    lines = Lines()
    for items in range(1001):
        lines.show(Look("oq-1", at(items)))
    lines.show(Look("oq-1", at(1000)), last=True)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 21 and said[0].startswith("Generated 0/1000") and said[-1].startswith("Generated 1000/1000")


def test_a_pause_a_rate_limit_and_trouble_are_told_once_and_their_end(capsys: pytest.CaptureFixture[str]):
    lines, paused = Lines(), at(10, stage="paused", waits_for="person", why="until resumed")
    trouble, limited = Trouble("server", "the server is away"), Again(retried=1, limited=1)
    for look in (
        *[Look("oq-1", at(10), again=limited)] * 3,
        *[Look("oq-1", paused)] * 3,
        *[Look("oq-1", paused, trouble=trouble)] * 3,
        *[Look("oq-1", paused)] * 3,
    ):
        lines.show(look)
    said = capsys.readouterr().err.splitlines()
    assert [row.partition(":")[0] for row in said if "Generated" not in row] == [
        "rate limit",
        "the server is away",
        "it answers again",
    ]
    assert sum("paused: until resumed" in row for row in said) == 1


def test_json_lines_carry_the_names_of_progress_and_what_is_wrong(capsys: pytest.CaptureFixture[str]):
    lines = JsonLines()
    lines.show(Look("oq-1", None))
    lines.show(Look("oq-1", at(10)))
    lines.show(Look("oq-1", at(11)))  # too soon, and nothing of weight
    lines.show(Look("oq-1", at(11), trouble=Trouble("no worker", "no worker is there")))
    first, second, third = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["workflow_id"] == "oq-1" and "items" not in first
    assert set(Progress.model_fields) <= set(second) and second["items"] == 10 and second["trouble"] == ""
    assert third["items"] == 11 and third["trouble"] == "no worker is there"


def test_calls_that_are_tried_again_are_counted_with_the_reason_of_most():
    def call(attempt: int, kind: str, said: str, state: int = 1, seconds: int = 0) -> PendingActivityInfo:
        failure = Failure(message=said, application_failure_info=ApplicationFailureInfo(type=kind))
        return PendingActivityInfo(
            attempt=attempt, state=state, last_failure=failure, next_attempt_schedule_time=Timestamp(seconds=seconds)
        )

    found = counted(
        [
            call(1, "", "", 2),
            call(2, "RateLimitError", "HTTP 429: slow down", seconds=130),
            call(3, "RateLimitError", "HTTP 429: slow down", seconds=120),
            call(2, "InternalServerError", "HTTP 500: oh", 2),
            call(2, "AwaitsItsTurn", "no room yet", seconds=140),
        ],
        now=100.0,
    )
    assert (found.retried, found.limited, found.turns, found.until) == (3, 2, 1, 120.0)
    assert found.reason == "HTTP 429: slow down" and "2 calls told to slow down" in found.words()
