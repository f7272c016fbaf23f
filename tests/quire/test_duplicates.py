"""What counts as a twin, and who stays."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quire.comparison_text import key_of, pattern, text_of
from quire.similarity import Near, Same, grams, likeness
from tests.conftest import ROOT


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
    assert text_of("exact", one, ["a"]) == text_of("exact", other, ["a"])
    assert text_of("exact", one, []) == text_of("exact", other, []), "ids never count"
    assert text_of("exact", one, ["a", "id"]) != text_of("exact", other, ["a", "id"]), "unless they are asked for"


def test_near_compares_what_a_reader_reads():
    one = {"b": ["Two  words", 3], "a": "First", "id": "x-1"}
    assert text_of("near", one, []) == "first two words 3"


def test_likeness_is_the_share_of_pieces_in_common():
    assert likeness("the same text", "the same text") == 1.0 and likeness("abcdef", "uvwxyz") == 0.0
    assert likeness("", "") == 1.0 and likeness("abc", "abc") == 1.0
    assert grams("abcdefg") == {b"abcde", b"bcdef", b"cdefg"} and grams("") == {b""}
    assert grams("äbcdef") == {"äbcde".encode(), b"bcdef"}


@given(st.text(max_size=60))
def test_pieces_are_those_that_slicing_gives(text):
    whole = {text[at : at + 5].encode() for at in range(max(1, len(text) - 4))}
    assert grams(text) == whole


@given(st.lists(st.text(alphabet="abcdefgh ", min_size=40, max_size=80), min_size=2, max_size=20))
def test_near_finds_every_pair_above_the_threshold(texts):
    index = Near(0.9)
    for number, text in enumerate(texts, 1):
        found = {other for other, _ in index.like(index.sign([text])[0])}
        assert {n for n, other in enumerate(texts[: number - 1], 1) if likeness(text, other) >= 0.97} <= found
        index.add(number, index.sign([text])[0])


def test_signatures_are_the_same_in_every_process():
    program = (
        "import sys; from quire.likeness import Near; sys.stdout.write(Near(0.9).sign(['a text long enough'])[0].hex())"
    )
    env = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    elsewhere = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert elsewhere.stdout == Near(0.8).sign(["a text long enough"])[0].hex()
    assert Same().sign(["x"]) == [key_of("x")] and len(key_of("x")) == 16
