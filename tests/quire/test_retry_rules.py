"""What is retried after a batch, how, and when a slot fails."""

import pytest

from quire.outcome import OpenSlot, Outcome, Reason
from quire.retry_rules import decide_retries
from quire.slots import Batch, format_ranges


def test_a_cut_off_batch_is_retried_in_smaller_ones_without_using_an_attempt():
    batch = Batch(name="1", slots=(1, 2, 3, 4))
    open_slots = [OpenSlot(slot=n, reason="cut off") for n in (2, 3, 4)]
    settled = decide_retries(batch, Outcome(batch="1", filled=[1], open=open_slots), attempts=1, limit=10)
    assert [b.slots for b in settled.retries] == [(2, 3), (4,)]
    assert {b.tries for b in settled.retries} == {1} and not settled.given_up


def make_empty_outcome(batch: Batch, reason: Reason) -> Outcome:
    return Outcome(batch=batch.name, filled=[], open=[OpenSlot(slot=slot, reason=reason) for slot in batch.slots])


def test_a_single_cut_off_item_gets_the_full_limit_once_and_then_fails_as_too_long():
    batch = Batch(name="1", slots=(1,), tries=3)
    settled = decide_retries(batch, make_empty_outcome(batch, "cut off"), attempts=3, limit=9)
    assert [(retried.full, retried.tries) for retried in settled.retries] == [(True, 3)]
    settled = decide_retries(settled.retries[0], make_empty_outcome(settled.retries[0], "cut off"), attempts=3, limit=9)
    assert [slot.reason for slot in settled.given_up] == ["too long"] and not settled.retries


@pytest.mark.parametrize("reason", ["refused", "missing", "failed"])
def test_one_bad_slot_never_costs_its_neighbours(reason):
    bad, waiting, failed, asked = 5, [Batch(name="1", slots=tuple(range(1, 9)))], [], 0
    while waiting:
        batch, asked = waiting.pop(), asked + 1
        if bad in batch.slots:
            settled = decide_retries(batch, make_empty_outcome(batch, reason), attempts=1, limit=99)
            waiting += settled.retries
            failed += settled.given_up
    assert [slot.slot for slot in failed] == [bad] and asked == 7


def test_a_batch_without_attempts_left_goes_to_the_next_model_and_then_fails():
    batch = Batch(name="1", slots=(1,), tries=3)
    settled = decide_retries(batch, make_empty_outcome(batch, "missing"), attempts=3, limit=9, models=2)
    assert [(retried.step, retried.tries) for retried in settled.retries] == [(1, 1)]
    last = settled.retries[0].model_copy(update={"tries": 3})
    assert decide_retries(last, make_empty_outcome(last, "missing"), attempts=3, limit=9, models=2).given_up


def test_an_invalid_item_is_retried_with_a_reference_to_the_validators_message():
    batch = Batch(name="1", slots=(1, 2))
    open_slots = [OpenSlot(slot=2, reason="invalid", detail="risk: wrong")]
    settled = decide_retries(batch, Outcome(batch="1", filled=[1], open=open_slots), attempts=3, limit=10)
    assert settled.retries[0].rejected_by == "1" and settled.retries[0].tries == 2


def test_a_refused_slot_is_not_retried():
    batch = Batch(name="1", slots=(1,))
    settled = decide_retries(
        batch, Outcome(batch="1", filled=[], open=[OpenSlot(slot=1, reason="refused")]), attempts=9, limit=9
    )
    assert settled.given_up and not settled.retries


def test_slot_ranges_are_written_with_hyphens():
    assert format_ranges([1, 2, 3, 7, 9, 10]) == "1-3, 7, 9-10" and format_ranges([]) == ""
