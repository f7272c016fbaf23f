"""Replace secrets by their names in any text, wherever the text comes from."""

import base64
import json
from collections.abc import Iterator, Mapping
from urllib.parse import quote

BLOCK, ENCODED_BLOCK = 6, 12
"""Bytes of a secret, and of its base64 forms, that are searched for at a time. Each block costs a search through all
text that passes; base64 has three forms of each secret, each a third longer, so that its blocks are twice as long."""
SHORTEST_PART = 2 * BLOCK - 1
"""Bytes from which a part of a secret is replaced: any part of this length holds a whole block."""
LONGEST_REMAINDER = 2 * ENCODED_BLOCK - 2
"""Bytes of a part, in any form, that are not recognized; text that is cut into pieces must overlap by as many."""
SHORTEST_SECRET = 8


class Redactor:
    """Finds the given secrets whole, cut at any place, base64-encoded, URL-quoted or escaped as JSON.

    Values that guard nothing are left alone: those under `SHORTEST_SECRET` characters, and short words such as the
    `not-needed` that local servers are given, which may occur in ordinary text.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        """`names`: by each secret, the name that is shown in its place, such as an environment variable's."""
        self._forms: dict[bytes, tuple[bytes, int]] = {}
        """Each form of each secret, longest first, with what stands in its place, and its size of blocks."""
        forms: dict[bytes, tuple[bytes, int]] = {}
        for value, name in names.items():
            if is_guarded(value):
                mark = f"[{name}]".encode()
                forms.update(
                    (form, (mark, ENCODED_BLOCK)) for form in _encode_base64(value.encode("utf-8", "surrogateescape"))
                )
                forms.update((form, (mark, BLOCK)) for form in _escape(value))
        self._forms.update(sorted(forms.items(), key=lambda form: len(form[0]), reverse=True))
        blocks = [block for form, (_, size) in self._forms.items() for _, block in _split_blocks(form, size)]
        self._blocks = tuple(dict.fromkeys(blocks))

    def __bool__(self) -> bool:
        return bool(self._forms)

    def redact_bytes(self, data: bytes) -> bytes:
        """Return `data` with every secret, and every part of one from `SHORTEST_PART` bytes on, replaced."""
        for block in self._blocks:
            if block in data:
                break
        else:
            return data
        for form, (mark, _) in self._forms.items():
            data = data.replace(form, mark)
        for form, (mark, size) in self._forms.items():
            data = _replace_parts(data, form, mark, size)
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


def _escape(value: str) -> Iterator[bytes]:
    yield value.encode("utf-8", "surrogateescape")
    yield quote(value, safe="", errors="surrogateescape").encode()
    yield json.dumps(value)[1:-1].encode()


def _encode_base64(plain: bytes) -> Iterator[bytes]:
    for shift in range(3):  # within a longer text, base64 begins at any of three places
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(b"\0" * shift + plain).rstrip(b"=")
            first = -(-shift * 8 // 6)
            yield encoded[first : len(encoded) - (1 if (shift + len(plain)) % 3 else 0)]


def _split_blocks(form: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    """Yield the blocks of a form with their places; a form shorter than a block is a block itself."""
    for at in range(0, max(1, len(form) - size + 1), size):
        yield at, form[at : at + size]


def _replace_parts(data: bytes, form: bytes, mark: bytes, size: int) -> bytes:
    for at, block in _split_blocks(form, size):
        start = 0
        while (position := data.find(block, start)) >= 0:
            first, last = position, position + len(block)
            before, after = at, at + len(block)
            while first and before and data[first - 1] == form[before - 1]:
                first, before = first - 1, before - 1
            while last < len(data) and after < len(form) and data[last] == form[after]:
                last, after = last + 1, after + 1
            if last - first >= min(2 * size - 1, len(form)):
                data = data[:first] + mark + data[last:]
                start = first + len(mark)
            else:
                start = position + 1
    return data
