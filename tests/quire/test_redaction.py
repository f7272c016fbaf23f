"""Secrets are replaced wherever they stand, and ordinary text is left as it is."""

import base64
import json
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from quire.redaction import SHORTEST_PART, Redactor, is_guarded

KEY = "sk-canary-9f8e7d6c5b4a39281706fedc/+ü"
REDACTOR = Redactor({KEY: "OPENAI_API_KEY"})
WORDS = st.text(alphabet=" abcxyzäß\n\"'<>{}[]0", max_size=60)


@given(WORDS, WORDS, st.sampled_from(["plain", "quoted", "json", "base64", "urlsafe"]))
def test_no_encoding_of_a_key_survives(before, after, form):
    plain = before + KEY + after
    text = {
        "plain": plain,
        "quoted": before + quote(KEY, safe="") + after,
        "json": json.dumps(plain),
        "base64": base64.b64encode(plain.encode()).decode(),
        "urlsafe": base64.urlsafe_b64encode(plain.encode()).decode(),
    }[form]
    redacted = REDACTOR.redact_text(text)
    assert "[OPENAI_API_KEY]" in redacted
    assert not any(KEY[at : at + 12] in redacted for at in range(len(KEY) - 12))


@given(WORDS, WORDS, st.integers(0, len(KEY.encode()) - SHORTEST_PART), st.integers(SHORTEST_PART, 40))
def test_a_part_of_a_key_is_replaced_however_it_was_cut(before, after, start, length):
    part = KEY.encode()[start : start + length]
    redacted = REDACTOR.redact_bytes(before.encode() + part + after.encode())
    assert part not in redacted


@given(st.text(alphabet="abc xyz.,:;{}[]\"'\n", max_size=300))
def test_text_without_a_secret_is_returned_unchanged(text):
    assert REDACTOR.redact_text(text) is text


def test_the_common_beginning_of_keys_is_no_secret():
    assert REDACTOR.redact_text("keys begin with sk-canary") == "keys begin with sk-canary"


def test_dummy_keys_of_local_servers_are_not_looked_for():
    assert not any(map(is_guarded, ["", "x", "none", "EMPTY", "ollama", "lm-studio", "not-needed"]))
    assert is_guarded("abc12345") and not Redactor({"none": "K"})
