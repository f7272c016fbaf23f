"""Items read from complete, cut off and malformed answers."""

import json

from hypothesis import given
from hypothesis import strategies as st

from quire.answer_items import ItemScanner, extract_items

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ITEMS = st.lists(st.dictionaries(st.text(max_size=6), VALUES, min_size=1, max_size=4), max_size=5)


@given(ITEMS, st.booleans(), st.data())
def test_a_truncated_answer_gives_exactly_its_complete_items(items, spaced, data):
    text = json.dumps({"items": items}, indent=2 if spaced else None, ensure_ascii=False)
    ends, at = [], text.index("[") + 1
    for _ in items:
        at += len(text[at:]) - len(text[at:].lstrip(" \n,"))
        _, at = json.JSONDecoder().raw_decode(text, at)
        ends.append(at)
    cut = data.draw(st.integers(0, len(text)))
    expected = [item for item, end in zip(items, ends, strict=True) if end <= cut]
    assert extract_items(text[:cut], truncated=True) == expected


def test_malformed_answers_that_are_not_cut_off_are_repaired():
    assert extract_items('```json\n{"items": [{"a": 1}]}\n```', truncated=False) == [{"a": 1}]
    assert extract_items('[{"a": 1}]', truncated=False) == [{"a": 1}]
    assert extract_items("{'items': [{'a': 1}, {'a': 2}, {'a': 3}]}", truncated=False)[:2] == [{"a": 1}, {"a": 2}]


def test_text_without_items_gives_no_items():
    assert all(
        extract_items(text, truncated=False) == [] for text in ("", "I cannot help.", "null", "[[[[", '{"items": 3}')
    )


@given(ITEMS, st.booleans(), st.lists(st.integers(1, 9), min_size=1, max_size=40))
def test_a_streamed_answer_counts_the_complete_items_so_far(items, spaced, pieces):
    text = json.dumps({"items": items}, indent=2 if spaced else None, ensure_ascii=False)
    scanner, at = ItemScanner(), 0
    for size in pieces:
        scanner.feed(text[at : at + size])
        at += size
        assert scanner.complete == len(extract_items(text[:at], truncated=True))
        assert scanner.text == text[:at]


def test_json_after_introductory_text_is_found():
    text = 'Here it is:\n```json\n{"items": [{"a": 1}, {"a": 2}]}\n```'
    assert extract_items(text, truncated=False) == [{"a": 1}, {"a": 2}]
