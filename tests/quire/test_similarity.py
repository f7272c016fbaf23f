"""Which items count as duplicates, by each method."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quire.comparison_text import build_comparison_text, extract_pattern, hash_text
from quire.similarity import ExactIndex, NearIndex, compute_similarity, split_grams
from runtime.paths import ROOT


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("Where is my order #12345?", "where is my order  #999"),
        ("I paid $12.50 on 3/4", "I paid $9 on 12/11"),
        ("Ask Maria Lopez about it", "Ask John about it"),
        ("Write to a@b.example now", "Write to someone@else.example now!"),
        ("Ticket AB-12-X is open", "Ticket ZZ-99-Q is open"),
    ],
)
def test_texts_that_differ_in_names_and_numbers_have_the_same_pattern(first, other):
    assert extract_pattern(first) == extract_pattern(other)


@pytest.mark.parametrize(
    ("first", "other"),
    [("Where is my order #1?", "Cancel my order #1"), ("Is it blue?", "Is it red?"), ("Maria asked", "nobody asked")],
)
def test_texts_that_differ_in_other_words_have_different_patterns(first, other):
    assert extract_pattern(first) != extract_pattern(other)


def test_exact_comparison_ignores_the_order_of_fields():
    first, other = {"a": {"x": 1, "y": 2}, "id": 1}, {"id": 2, "a": {"y": 2, "x": 1}}
    assert build_comparison_text("exact", first, ["a"]) == build_comparison_text("exact", other, ["a"])
    assert build_comparison_text("exact", first, []) == build_comparison_text("exact", other, []), "ids never count"
    assert build_comparison_text("exact", first, ["a", "id"]) != build_comparison_text("exact", other, ["a", "id"]), (
        "unless they are asked for"
    )


def test_near_comparison_uses_the_visible_text():
    item = {"b": ["Two  words", 3], "a": "First", "id": "x-1"}
    assert build_comparison_text("near", item, []) == "first two words 3"


def test_likeness_is_the_share_of_common_character_groups():
    assert compute_similarity("the same text", "the same text") == 1.0 and compute_similarity("abcdef", "uvwxyz") == 0.0
    assert compute_similarity("", "") == 1.0 and compute_similarity("abc", "abc") == 1.0
    assert split_grams("abcdefg") == {b"abcde", b"bcdef", b"cdefg"} and split_grams("") == {b""}
    assert split_grams("äbcdef") == {"äbcde".encode(), b"bcdef"}


@given(st.text(max_size=60))
def test_character_groups_are_those_that_slicing_gives(text):
    expected = {text[at : at + 5].encode() for at in range(max(1, len(text) - 4))}
    assert split_grams(text) == expected


@given(st.lists(st.text(alphabet="abcdefgh ", min_size=40, max_size=80), min_size=2, max_size=20))
def test_near_index_finds_every_pair_above_the_threshold(texts):
    index = NearIndex(0.9)
    for number, text in enumerate(texts, 1):
        similar = {other for other, _ in index.find_similar(index.sign([text])[0])}
        assert {
            n for n, other in enumerate(texts[: number - 1], 1) if compute_similarity(text, other) >= 0.97
        } <= similar
        index.add(number, index.sign([text])[0])


def test_signatures_are_the_same_in_every_process():
    command = [sys.executable, "-m", "tests.support.programs.sign_text", "a text long enough"]
    env = os.environ | {"PYTHONHASHSEED": "7"}
    elsewhere = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert elsewhere.stdout == NearIndex(0.8).sign(["a text long enough"])[0].hex()
    assert ExactIndex().sign(["x"]) == [hash_text("x")] and len(hash_text("x")) == 16
