from hypothesis import given
from hypothesis import strategies as st

from quire.batching import balanced, batch_count, capacity, partition, smaller


@given(st.integers(1, 5000), st.integers(1, 40), st.integers(1, 60), st.one_of(st.just("auto"), st.integers(1, 50)))
def test_batches_partition_the_slots_balanced_and_under_the_limit(slots, trigger, limit, size):
    parts = batch_count(slots, trigger=trigger, size=size, limit=limit)
    groups = partition(range(1, slots + 1), parts)
    assert [number for group in groups for number in group] == list(range(1, slots + 1))
    sizes = [len(group) for group in groups]
    assert min(sizes) >= 1 and max(sizes) - min(sizes) <= 1 and max(sizes) <= limit


def test_the_table_of_the_seed():
    def sizes(total):
        return balanced(total, batch_count(total, trigger=10, size="auto", limit=1000))

    assert [len(sizes(n)) for n in (1, 10, 11, 20, 21, 30, 31, 40, 41, 100)] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 10]
    assert sizes(25) == [9, 8, 8]


@given(st.lists(st.integers(1, 999), unique=True, min_size=1, max_size=60), st.integers(1, 60), st.integers(1, 30))
def test_open_slots_go_again_in_batches_of_at_most_half(numbers, previous, limit):
    groups = smaller(numbers, previous, limit)
    assert [n for group in groups for n in group] == numbers
    assert all(len(group) <= max(1, min(previous // 2, limit)) for group in groups)


def test_an_answer_always_has_room_for_one():
    assert capacity(100, 500) == 1 and capacity(4000, 500) == 8
