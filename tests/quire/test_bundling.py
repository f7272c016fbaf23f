"""How many calls go into one activity."""

import pytest

from quire.call_bundles import FEW, FIRST, FORMER, LATEST, MOST_PLACES, RULE, SPAN, Bundle, bundle


def test_few_calls_of_some_seconds_go_one_by_one():
    assert bundle(width=8, share=8, seconds=1.0, waiting=1000) == Bundle(1, 1)
    assert bundle(width=64, share=64, seconds=10.0, waiting=1000) == Bundle(1, 1)
    assert bundle(width=64, share=64, seconds=None, waiting=FEW - 1) == Bundle(1, 1)


@pytest.mark.parametrize("rule", [RULE, FORMER, FIRST])
@pytest.mark.parametrize(
    ("width", "seconds"), [(16, 1.0), (64, 1.0), (200, 2.0), (50, 0.05), (256, 0.5), (1000, 0.001)]
)
def test_an_activity_is_neither_long_nor_wide(rule, width, seconds):
    for waiting in (FEW, 100, 1000, 100_000):
        places, turns = bundle(width=width, share=width, seconds=seconds, waiting=waiting, rule=rule)
        assert 1 <= places <= min(MOST_PLACES, max(1, width // 8))
        assert turns * seconds <= LATEST or turns == 1


def test_the_more_calls_the_more_go_together_and_near_the_end_fewer_again():
    sizes = [bundle(width=50, share=50, seconds=0.05, waiting=waiting).turns for waiting in (5000, 1000, 500, 50)]
    assert sizes == [int(SPAN / 0.05), 10, 5, 4]  # never so short that the server's way back is longer than the calls
    assert bundle(width=16, share=16, seconds=1.0, waiting=FEW - 1) == Bundle(1, 1)  # long enough to be looked at


def test_what_stands_behind_calls_of_unknown_length_holds_little():
    assert bundle(width=64, share=64, seconds=None, waiting=1000).turns == 1
    assert bundle(width=64, share=64, seconds=None, waiting=1000, behind=True).turns == 4
    assert bundle(width=64, share=64, seconds=None, waiting=256, behind=True).turns == 2
