"""Vectors of texts by the words that they have: a stand-in for an embedding model, which knows no synonyms."""

import hashlib
import math
import re

_WORD = re.compile(r"[a-z]{3,}")


def vector(text: str, dimensions: int) -> list[float]:
    """A vector of length one; texts with the same words in another order have the same."""
    found = [0.0] * dimensions
    for word in _WORD.findall(text.lower()):
        digest = hashlib.blake2b(word[:6].encode(), digest_size=8).digest()  # walk, walked and walking are one
        at = int.from_bytes(digest[:4], "big") % dimensions
        found[at] += 1.0 if digest[4] & 1 else -1.0
    size = math.sqrt(sum(value * value for value in found)) or 1.0
    return [value / size for value in found]
