"""Without a terminal, too, a run that does not move says why within ten seconds, once for each reason."""

import json

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import ActivityType, Payload, Payloads
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.workflow.v1 import PendingActivityInfo

from quire.progress import Progress, format_progress_line
from runtime.session.renderers import JsonLineRenderer, LineRenderer
from runtime.session.run_view import RunView
from runtime.temporal.pending_calls import RetryingCalls, count_retrying_calls
from tests.support.progress import sample_progress

NOW = 1000.0


def pending(
    name: str, id: str = "12", *, attempt: int = 1, message: str = "", since: float = NOW, words: str = ""
) -> PendingActivityInfo:
    details = Payloads(payloads=[Payload(data=json.dumps(value).encode()) for value in (0, 0, None, words) if words])
    failure = Failure(message=message, application_failure_info=ApplicationFailureInfo(type="ValueError"))
    return PendingActivityInfo(
        activity_type=ActivityType(name=name),
        activity_id=id,
        attempt=attempt,
        state=PendingActivityState.PENDING_ACTIVITY_STATE_STARTED,
        last_failure=failure if message else None,
        last_started_time=Timestamp(seconds=int(since)),
        heartbeat_details=details if words else None,
    )


def look(*activities: PendingActivityInfo) -> RetryingCalls:
    return count_retrying_calls(list(activities), NOW)


def progress(items: int) -> Progress:
    sample = sample_progress(items=items)
    return sample.model_copy(update={"line": format_progress_line(sample)})


def test_work_on_the_store_that_fails_again_and_again_is_named_with_its_attempts_and_words():
    calls = look(pending("assemble", attempt=11, message="batches/3.jsonl: not JSON"), pending("generate", "batch-4"))
    assert calls.trouble == "assemble has failed 10 times and is tried again: batches/3.jsonl: not JSON"
    assert look(pending("assemble", attempt=12, message="batches/3.jsonl: not JSON")).trouble_kind == calls.trouble_kind


def test_work_that_takes_long_and_an_answer_that_waits_for_the_disk_are_named():
    assert look(pending("generate", "batch-4", since=NOW - 12)).trouble == "generate batch-4 has been at work for 12 s"
    assert look(pending("generate", "batch-4", since=NOW - 2)).trouble == ""
    assert look(pending("generate", "batch-4", words="an answer waits: disk full")).trouble.endswith("disk full")


def test_lines_give_the_reason_once_after_some_seconds_without_progress(capsys: pytest.CaptureFixture[str]):
    lines = LineRenderer()
    for second in range(20):
        calls = look(pending("verify", attempt=second + 2, message="no such file"))
        lines.render(RunView("oq-1", progress(40), retrying=calls, taken_at=NOW + second))
    printed = [line for line in capsys.readouterr().err.splitlines() if "no such file" in line]
    assert len(printed) == 1 and "has failed 6 times" in printed[0], "after five seconds, and once"


def test_lines_of_a_run_that_moves_name_no_call_that_is_tried_again(capsys: pytest.CaptureFixture[str]):
    lines = LineRenderer()
    for second in range(20):
        calls = look(pending("generate", "batch-1", attempt=2, message="HTTP 500"))
        lines.render(RunView("oq-1", progress(40 + second), retrying=calls, taken_at=NOW + second))
    assert "HTTP 500" not in capsys.readouterr().err


def test_json_lines_carry_the_reason(capsys: pytest.CaptureFixture[str]):
    lines = JsonLineRenderer()
    lines.render(RunView("oq-1", progress(40), retrying=look(pending("plan", since=NOW - 9)), taken_at=NOW), last=True)
    assert json.loads(capsys.readouterr().out)["stuck"] == "plan has been at work for 9 s"
