"""How many calls go into one activity."""

import pytest

from quire.call_bundles import (
    BUNDLE_SECONDS,
    FEW_BATCHES,
    MAX_CALL_SLOTS,
    SINGLE_CALL,
    START_WINDOW,
    choose_bundle,
)


def test_few_calls_of_some_seconds_go_one_by_one():
    assert choose_bundle(concurrency=8, share=8, seconds=1.0, waiting=1000) == SINGLE_CALL
    assert choose_bundle(concurrency=64, share=64, seconds=10.0, waiting=1000) == SINGLE_CALL
    assert choose_bundle(concurrency=64, share=64, seconds=None, waiting=FEW_BATCHES - 1) == SINGLE_CALL


@pytest.mark.parametrize(
    ("concurrency", "seconds"), [(16, 1.0), (64, 1.0), (200, 2.0), (50, 0.05), (256, 0.5), (1000, 0.001)]
)
def test_a_bundle_is_neither_long_nor_wide(concurrency, seconds):
    for waiting in (FEW_BATCHES, 100, 1000, 100_000):
        bundle = choose_bundle(concurrency=concurrency, share=concurrency, seconds=seconds, waiting=waiting)
        assert 1 <= bundle.call_slots <= min(MAX_CALL_SLOTS, max(1, concurrency // 8))
        assert bundle.calls_per_slot * seconds <= START_WINDOW or bundle.calls_per_slot == 1


def test_the_more_calls_wait_the_larger_a_bundle_is():
    sizes = [
        choose_bundle(concurrency=50, share=50, seconds=0.05, waiting=waiting).calls_per_slot
        for waiting in (5000, 1000, 500, 50)
    ]
    assert sizes == [int(BUNDLE_SECONDS / 0.05), 20, 10, 4]  # never shorter than the server's way from one to the next


def test_the_last_calls_of_a_second_go_one_by_one():
    assert choose_bundle(concurrency=16, share=16, seconds=1.0, waiting=FEW_BATCHES - 1) == SINGLE_CALL
