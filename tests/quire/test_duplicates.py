"""What counts as a twin, and who stays."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quire.duplicates import key_of, pattern, twins


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Where is my order #12345?", "where is my order  #999"),
        ("I paid $12.50 on 3/4", "I paid $9 on 12/11"),
        ("Ask Maria Lopez about it", "Ask John about it"),
        ("Write to a@b.example now", "Write to someone@else.example now!"),
        ("Ticket AB-12-X is open", "Ticket ZZ-99-Q is open"),
    ],
)
def test_the_same_pattern(one, other):
    assert pattern(one) == pattern(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Where is my order #1?", "Cancel my order #1"), ("Is it blue?", "Is it red?"), ("Maria asked", "nobody asked")],
)
def test_another_pattern(one, other):
    assert pattern(one) != pattern(other)


def test_exact_looks_at_the_content_and_not_at_the_order_of_its_fields():
    one, other = {"a": {"x": 1, "y": 2}, "id": 1}, {"id": 2, "a": {"y": 2, "x": 1}}
    assert key_of("exact", one, ["a"]) == key_of("exact", other, ["a"])
    assert key_of("exact", one, ["a", "id"]) != key_of("exact", other, ["a", "id"])


@given(st.lists(st.sampled_from("abcde"), max_size=30), st.sampled_from([None, 1, 3]), st.randoms())
def test_no_pair_within_the_window_stays_and_the_order_of_arrival_does_not_matter(keys, window, source):
    candidates = list(enumerate(keys, 1))
    stays, rejected = twins(candidates, {}, window)
    source.shuffle(candidates)
    assert twins(candidates, {}, window) == (stays, rejected)
    assert set(stays) | set(rejected) == {number for number, _ in candidates}
    for (one, a), (other, b) in itertools.combinations(stays.items(), 2):
        assert a != b or (window is not None and abs(one - other) > window)
    for number, of in rejected.items():
        assert of in stays and dict(candidates)[number] == stays[of]


def test_what_stayed_in_an_earlier_round_stays_although_a_refilled_slot_comes_before_it():
    assert twins([(1, "a")], {2: "a"}, None) == ({2: "a"}, {1: 2})
