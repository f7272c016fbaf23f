"""Replace secrets by their names in any text, wherever the text comes from."""

import base64
import json
from collections.abc import Iterator, Mapping
from urllib.parse import quote

BLOCK = 6
"""Bytes of a secret that are searched for at a time."""
SHORTEST_PART = 2 * BLOCK - 1
"""Bytes from which a part of a secret is replaced: any part of this length holds a whole block."""
SHORTEST_SECRET = 8


class Redactor:
    """Finds the given secrets whole, cut at any place, base64-encoded, URL-quoted or escaped as JSON.

    Values that guard nothing are left alone: those under `SHORTEST_SECRET` characters, and short words such as the
    `not-needed` that local servers are given, which may occur in ordinary text.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """`secrets`: values by the name that is shown in their place, such as an environment variable's."""
        self._forms: dict[bytes, bytes] = {}
        """Each form of each secret, and what stands in its place."""
        for name, value in secrets.items():
            if is_guarded(value):
                mark = f"[{name}]".encode()
                self._forms.update((form, mark) for form in _encodings(value))
        blocks = {
            form[at : at + BLOCK]: (form, at)
            for form in sorted(self._forms, key=len, reverse=True)
            for at in range(0, len(form) - BLOCK + 1, BLOCK)
        }
        self._blocks = tuple(blocks)

    def __bool__(self) -> bool:
        return bool(self._forms)

    def redact_bytes(self, data: bytes) -> bytes:
        """Return `data` with every secret, and every part of one from `SHORTEST_PART` bytes on, replaced."""
        if not any(block in data for block in self._blocks):
            return data
        for form, mark in self._forms.items():
            data = data.replace(form, mark)
        for form, mark in self._forms.items():
            data = _replace_parts(data, form, mark)
        return data

    def redact_text(self, text: str) -> str:
        """Return `text` with every secret, and every part of one, replaced."""
        data = text.encode("utf-8", "surrogatepass")
        redacted = self.redact_bytes(data)
        return text if redacted is data else redacted.decode("utf-8", "replace")


def is_guarded(value: str) -> bool:
    """Return True if a value is secret enough to be searched for: long, or letters and digits mixed."""
    mixed = any(letter.isdigit() for letter in value) and any(letter.isalpha() for letter in value)
    return len(value) >= 2 * SHORTEST_SECRET or (len(value) >= SHORTEST_SECRET and mixed)


def _encodings(value: str) -> Iterator[bytes]:
    plain = value.encode()
    yield plain
    yield quote(value, safe="").encode()
    yield json.dumps(value)[1:-1].encode()
    for shift in range(3):  # within a longer text, base64 begins at any of three places
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(b"\0" * shift + plain).rstrip(b"=")
            first = -(-shift * 8 // 6)
            yield encoded[first : len(encoded) - (1 if (shift + len(plain)) % 3 else 0)]


def _replace_parts(data: bytes, form: bytes, mark: bytes) -> bytes:
    for at in range(0, len(form) - BLOCK + 1, BLOCK):
        block, start = form[at : at + BLOCK], 0
        while (position := data.find(block, start)) >= 0:
            first, last = position, position + BLOCK
            before, after = at, at + BLOCK
            while first and before and data[first - 1] == form[before - 1]:
                first, before = first - 1, before - 1
            while last < len(data) and after < len(form) and data[last] == form[after]:
                last, after = last + 1, after + 1
            if last - first >= SHORTEST_PART:
                data = data[:first] + mark + data[last:]
                start = first + len(mark)
            else:
                start = position + 1
    return data
