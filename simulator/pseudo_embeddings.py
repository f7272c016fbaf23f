"""Vectors from the words of texts: a stand-in for an embedding model that knows no synonyms."""

import hashlib
import math
import re

_WORD = re.compile(r"[a-z]{3,}")


def embed_text(text: str, dimensions: int) -> list[float]:
    """Return a vector of length one; it does not depend on the order of the words."""
    vector = [0.0] * dimensions
    for word in _WORD.findall(text.lower()):
        digest = hashlib.blake2b(
            word[:6].encode(), digest_size=8
        ).digest()  # walk, walked and walking count as one word
        index = int.from_bytes(digest[:4], "big") % dimensions
        vector[index] += 1.0 if digest[4] & 1 else -1.0
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]
