import json

from hypothesis import given
from hypothesis import strategies as st

from quire.answer_items import Scanner, salvage

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ITEMS = st.lists(st.dictionaries(st.text(max_size=6), VALUES, min_size=1, max_size=4), max_size=5)


@given(ITEMS, st.booleans(), st.data())
def test_any_cut_of_any_answer_gives_exactly_the_complete_items(items, spaced, data):
    text = json.dumps({"items": items}, indent=2 if spaced else None, ensure_ascii=False)
    ends, at = [], text.index("[") + 1
    for _ in items:
        at += len(text[at:]) - len(text[at:].lstrip(" \n,"))
        _, at = json.JSONDecoder().raw_decode(text, at)
        ends.append(at)
    cut = data.draw(st.integers(0, len(text)))
    expected = [item for item, end in zip(items, ends, strict=True) if end <= cut]
    assert salvage(text[:cut], truncated=True) == expected


def test_dirty_answers_that_are_not_cut_off_are_read():
    assert salvage('```json\n{"items": [{"a": 1}]}\n```', truncated=False) == [{"a": 1}]
    assert salvage('[{"a": 1}]', truncated=False) == [{"a": 1}]
    assert salvage("{'items': [{'a': 1}, {'a': 2}, {'a': 3}]}", truncated=False)[:2] == [{"a": 1}, {"a": 2}]


def test_no_answer_gives_no_items():
    assert all(salvage(text, truncated=False) == [] for text in ("", "I cannot help.", "null", "[[[[", '{"items": 3}'))


@given(ITEMS, st.booleans(), st.lists(st.integers(1, 9), min_size=1, max_size=40))
def test_an_answer_that_grows_has_as_many_complete_items_as_its_cut_would(items, spaced, pieces):
    text = json.dumps({"items": items}, indent=2 if spaced else None, ensure_ascii=False)
    scanner, at = Scanner(), 0
    for size in pieces:
        scanner.feed(text[at : at + size])
        at += size
        assert scanner.complete == len(salvage(text[:at], truncated=True))
        assert scanner.text == text[:at]


def test_an_envelope_behind_words_is_found():
    text = 'Here it is:\n```json\n{"items": [{"a": 1}, {"a": 2}]}\n```'
    assert salvage(text, truncated=False) == [{"a": 1}, {"a": 2}]
