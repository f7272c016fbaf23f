"""How slots are divided into batches."""

from hypothesis import given
from hypothesis import strategies as st

from quire.batching import balance, count_batches, count_items_per_answer, partition, split_smaller


@given(st.integers(1, 5000), st.integers(1, 40), st.integers(1, 60), st.one_of(st.just("auto"), st.integers(1, 50)))
def test_batches_partition_the_slots_balanced_and_under_the_limit(slots, trigger, limit, size):
    parts = count_batches(slots, trigger=trigger, size=size, limit=limit)
    groups = partition(range(1, slots + 1), parts)
    assert [number for group in groups for number in group] == list(range(1, slots + 1))
    sizes = [len(group) for group in groups]
    assert min(sizes) >= 1 and max(sizes) - min(sizes) <= 1 and max(sizes) <= limit


def test_batch_sizes_match_the_specified_table():
    def sizes(total):
        return balance(total, count_batches(total, trigger=10, size="auto", limit=1000))

    assert [len(sizes(n)) for n in (1, 10, 11, 20, 21, 30, 31, 40, 41, 100)] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 10]
    assert sizes(25) == [9, 8, 8]


@given(st.lists(st.integers(1, 999), unique=True, min_size=1, max_size=60), st.integers(1, 60), st.integers(1, 30))
def test_open_slots_are_retried_in_batches_of_at_most_half_the_size(numbers, previous, limit):
    groups = split_smaller(numbers, previous, limit)
    assert [n for group in groups for n in group] == numbers
    assert all(len(group) <= max(1, min(previous // 2, limit)) for group in groups)


def test_capacity_is_at_least_one_item():
    assert count_items_per_answer(100, 500) == 1 and count_items_per_answer(4000, 500) == 8
