"""Lanes and order: every slot is sent, none twice at once, none before the batches it reads."""

from hypothesis import given
from hypothesis import strategies as st

from quire.schedule import Schedule
from quire.slots import Batch

SIZES = st.lists(st.integers(1, 5), min_size=1, max_size=12)


@given(SIZES, st.data())
def test_a_batch_starts_when_its_predecessor_in_the_lane_is_done(sizes, data):
    after = [data.draw(st.integers(0, index)) for index in range(len(sizes))]
    schedule = Schedule(sizes=sizes, after=after)
    running: list[Batch] = []
    done: set[int] = set()
    sent: list[int] = []
    while schedule.has_pending() or running:
        while schedule.has_startable() and data.draw(st.booleans() if running else st.just(True)):
            batch = schedule.take_next()
            assert after[batch.root - 1] in done | {0}
            running.append(batch)
            sent += batch.slots
        ended = running.pop(data.draw(st.integers(0, len(running) - 1)))
        schedule = Schedule.model_validate_json(schedule.model_dump_json())  # as it is carried when a run continues
        assert schedule.mark_done(ended.name) == str(ended.root)
        done.add(ended.root)
    assert sorted(sent) == list(range(1, sum(sizes) + 1)) and not schedule.open_parts


def test_parts_of_a_batch_in_a_lane_run_one_by_one_and_before_the_next_batch():
    schedule = Schedule(sizes=[3, 3], after=[0, 1])
    first = schedule.take_next()
    assert not schedule.has_startable()
    schedule.split_batch(first, [Batch(name="1.1", slots=(2,)), Batch(name="1.2", slots=(3,))])
    first_part = schedule.take_next()
    assert first_part.name == "1.1" and not schedule.has_startable()
    assert schedule.mark_done("1.1") is None
    second_part = schedule.take_next()
    assert second_part.name == "1.2" and schedule.mark_done("1.2") == "1"
    assert schedule.take_next().name == "2"


def test_a_slow_batch_holds_up_its_own_lane_and_no_other():
    schedule = Schedule(sizes=[1] * 6, after=[0, 0, 0, 1, 2, 3])  # two cycles of three topics
    slow, *others = [schedule.take_next() for _ in range(3)]
    for batch in others:
        schedule.mark_done(batch.name)
    assert [schedule.take_next().name for _ in range(2)] == ["5", "6"] and not schedule.has_startable()
    schedule.mark_done(slow.name)
    assert schedule.take_next().name == "4"


def test_a_batch_above_the_current_limit_is_split_before_it_is_sent():
    schedule = Schedule(sizes=[3, 3], after=[0, 1])
    assert schedule.take_next(limit=2).slots == (1, 2)
    assert not schedule.has_startable()
    schedule.mark_done("1.1")
    assert schedule.take_next(limit=2).slots == (3,)


def test_a_batch_reads_the_nearest_earlier_batches_of_its_lane_that_filled_slots():
    schedule = Schedule(sizes=[1] * 4, after=[0, 1, 2, 3], lane_files={1: ["1"], 2: ["2.1", "2.2"]})
    fourth = Batch(name="4", slots=(4,))
    assert schedule.list_earlier_batches(fourth, 1) == ["2.1", "2.2"] and schedule.list_earlier_batches(fourth, 0) == [
        "1",
        "2.1",
        "2.2",
    ]


def test_reopened_slots_of_a_done_batch_end_without_counting_it_twice():
    schedule = Schedule(sizes=[2])
    assert schedule.mark_done(schedule.take_next().name) == "1"
    schedule.reopen_batches([Batch(name="1.d1", slots=(2,), avoid=1)])
    assert schedule.mark_done(schedule.take_next().name) == "1.d1" and not schedule.has_pending()
