"""Exceptions of our own code end an activity after three tries and say where the traceback lies; the world's pass."""

import dataclasses

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.internal_errors import MAX_TRIES, sort_errors
from activities.store.object_store import StoreError
from quire.contracts import GenerateInput, Job
from quire.slots import Batch


async def fail_with(error: Exception, tmp_path, attempt: int) -> BaseException:
    @sort_errors
    async def work(input: GenerateInput) -> None:
        raise error

    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, attempt=attempt, activity_type="generate")
    input = GenerateInput(job=Job(workflow_id="run", store=str(tmp_path)), batch=Batch(name="3.1", slots=(7,)))
    with pytest.raises(Exception) as raised:  # its type is what is tested
        await environment.run(work, input)
    return raised.value


async def test_an_own_error_is_tried_three_times_and_then_names_batch_words_and_traceback(tmp_path):
    for attempt in range(1, MAX_TRIES):
        failure = await fail_with(KeyError("slot"), tmp_path, attempt)
        assert isinstance(failure, ApplicationError) and failure.type == "InternalError" and not failure.non_retryable
        assert failure.next_retry_delay is not None and failure.next_retry_delay.total_seconds() <= MAX_TRIES
    last = await fail_with(KeyError("slot"), tmp_path, MAX_TRIES)
    assert isinstance(last, ApplicationError) and last.type == "InternalError" and last.non_retryable
    (file,) = (tmp_path / "run" / "errors").iterdir()
    assert "batch 3.1" in last.message and "KeyError: 'slot'" in last.message and str(file) in last.message
    assert "raise error" in file.read_text()


async def test_a_store_without_place_for_the_traceback_does_not_hide_the_error(tmp_path):
    (tmp_path / "run").write_text("not a folder")
    last = await fail_with(ValueError("a \ud800 half"), tmp_path, MAX_TRIES)
    assert isinstance(last, ApplicationError) and "the worker's log" in last.message


@pytest.mark.parametrize(
    "error", [ConnectionResetError("gone"), TimeoutError(), ApplicationError("no", type="NoAnswer")]
)
async def test_failures_of_the_world_pass_as_they_are(tmp_path, error):
    assert await fail_with(error, tmp_path, MAX_TRIES) is error


@pytest.mark.parametrize("error", [StoreError("the disk is full"), PermissionError("not yours")])
async def test_what_a_person_must_fix_becomes_a_setup_error(tmp_path, error):
    failure = await fail_with(error, tmp_path, MAX_TRIES)
    assert isinstance(failure, ApplicationError) and failure.type == "SetupError" and str(error) in failure.message
