import pytest

from quire.outcome import OpenSlot, Outcome, Reason
from quire.retry_rules import settle
from quire.slots import Batch, ranges


def test_a_cut_off_batch_goes_again_in_smaller_ones_without_using_up_a_try():
    batch = Batch(name="1", slots=(1, 2, 3, 4))
    left = [OpenSlot(slot=n, reason="cut off") for n in (2, 3, 4)]
    settled = settle(batch, Outcome(batch="1", filled=[1], open=left), attempts=1, limit=10)
    assert [b.slots for b in settled.again] == [(2, 3), (4,)]
    assert {b.tries for b in settled.again} == {1} and not settled.failed


def came_to_nothing(batch: Batch, reason: Reason) -> Outcome:
    return Outcome(batch=batch.name, filled=[], open=[OpenSlot(slot=slot, reason=reason) for slot in batch.slots])


def test_a_single_item_that_is_cut_off_gets_the_full_limit_once_and_then_gives_up_as_too_long():
    batch = Batch(name="1", slots=(1,), tries=3)
    settled = settle(batch, came_to_nothing(batch, "cut off"), attempts=3, limit=9)
    assert [(again.full, again.tries) for again in settled.again] == [(True, 3)]
    settled = settle(settled.again[0], came_to_nothing(settled.again[0], "cut off"), attempts=3, limit=9)
    assert [slot.reason for slot in settled.failed] == ["too long"] and not settled.again


@pytest.mark.parametrize("reason", ["refused", "missing", "failed"])
def test_one_bad_slot_never_costs_its_neighbours(reason):
    bad, waiting, failed, asked = 5, [Batch(name="1", slots=tuple(range(1, 9)))], [], 0
    while waiting:
        batch, asked = waiting.pop(), asked + 1
        if bad in batch.slots:
            settled = settle(batch, came_to_nothing(batch, reason), attempts=1, limit=99)
            waiting += settled.again
            failed += settled.failed
    assert [slot.slot for slot in failed] == [bad] and asked == 7


def test_what_has_used_up_its_tries_goes_to_the_next_model_and_then_gives_up():
    batch = Batch(name="1", slots=(1,), tries=3)
    settled = settle(batch, came_to_nothing(batch, "missing"), attempts=3, limit=9, models=2)
    assert [(again.step, again.tries) for again in settled.again] == [(1, 1)]
    last = settled.again[0].model_copy(update={"tries": 3})
    assert settle(last, came_to_nothing(last, "missing"), attempts=3, limit=9, models=2).failed


def test_an_invalid_item_goes_again_with_the_validators_words():
    batch = Batch(name="1", slots=(1, 2))
    left = [OpenSlot(slot=2, reason="invalid", detail="risk: wrong")]
    settled = settle(batch, Outcome(batch="1", filled=[1], open=left), attempts=3, limit=10)
    assert settled.again[0].hints == ("slot 2: risk: wrong",) and settled.again[0].tries == 2


def test_a_refused_slot_is_not_asked_for_again():
    batch = Batch(name="1", slots=(1,))
    settled = settle(
        batch, Outcome(batch="1", filled=[], open=[OpenSlot(slot=1, reason="refused")]), attempts=9, limit=9
    )
    assert settled.failed and not settled.again


def test_ranges_read_as_people_write_them():
    assert ranges([1, 2, 3, 7, 9, 10]) == "1-3, 7, 9-10" and ranges([]) == ""
