"""Indexes that find earlier items similar to a new one, one per duplicate method. Pure.

A new item is looked up first, and added only if it is kept.
"""

import struct
from array import array
from collections import defaultdict
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol

from quire.comparison_text import hash_text

_rensa: Any = import_module("rensa")  # Rust, without type stubs
Match = tuple[int, float]
"""The number of an earlier item, and its similarity from 0 to 1."""


class SimilarityIndex(Protocol):
    """The kept items, as one duplicate method compares them. Numbers below 1 are items from outside the run."""

    is_exact: bool
    """True if `find_similar` returns exact similarities; estimates must be verified by `compute_similarity`."""

    def sign(self, texts: Sequence[str]) -> list[bytes]:
        """Return a signature of each text, the same in every process."""
        ...

    def prepare(self, signatures: Sequence[bytes]) -> None:
        """Announce the signatures to be looked up next, in this order, so that an index can process them together."""
        ...

    def add(self, number: int, signature: bytes) -> None:
        """Add a kept item."""
        ...

    def find_similar(self, signature: bytes) -> list[Match]:
        """Return the items that may be similar, by number."""
        ...


class ExactIndex:
    """Duplicates have equal signatures: `exact` and `structural`."""

    is_exact = True

    def __init__(self) -> None:
        self._holders: defaultdict[bytes, list[int]] = defaultdict(list)

    def sign(self, texts: Sequence[str]) -> list[bytes]:
        return [hash_text(text) for text in texts]

    def prepare(self, signatures: Sequence[bytes]) -> None:
        pass

    def add(self, number: int, signature: bytes) -> None:
        self._holders[signature].append(number)

    def find_similar(self, signature: bytes) -> list[Match]:
        return [(number, 1.0) for number in sorted(self._holders.get(signature, ()))]


GRAM_LENGTH = 5
"""Characters of the pieces that texts are compared by."""
PERMUTATIONS, BANDS, SEED = 128, 16, 42
ESTIMATE_MARGIN = 0.12
"""How far below the threshold an estimate may be for the texts to be compared: four times its standard error."""


class NearIndex:
    """Duplicates share most of their five-character pieces: `near`, by MinHash with candidates from LSH bands.

    With 16 bands of 8 hashes, a pair of similarity 0.9 is missed once in ten thousand cases. With a threshold below
    0.8, most items written from one template are candidates for each other, and the search becomes slow.
    """

    is_exact = False

    def __init__(self, threshold: float) -> None:
        self._min_estimate = threshold - ESTIMATE_MARGIN
        self._bands = _rensa.RMinHashLSH(threshold=threshold, num_perm=PERMUTATIONS, num_bands=BANDS)
        self._numbers: list[int] = []
        """The item's number by its key in the bands, which counts from 0."""
        self._last_signed: dict[bytes, Any] = {}
        """MinHashes of the texts signed last, by signature: they are looked up next."""
        self._sketches: list[bytes] = []
        """One byte of each hash, by the same key: enough for an estimate, in a quarter of the memory."""

    def sign(self, texts: Sequence[str]) -> list[bytes]:
        hashes = _rensa.RMinHash.from_token_sets([_list_grams(text) for text in texts], PERMUTATIONS, SEED)
        signatures = [min_hash.__getstate__() for min_hash in hashes]
        self._last_signed = dict(zip(signatures, hashes, strict=True))
        return signatures

    def prepare(self, signatures: Sequence[bytes]) -> None:
        pass

    def add(self, number: int, signature: bytes) -> None:
        min_hash = self._load(signature)
        self._bands.insert(len(self._numbers), min_hash)
        self._numbers.append(number)
        self._sketches.append(self._sketch(min_hash))

    def find_similar(self, signature: bytes) -> list[Match]:
        min_hash = self._load(signature)
        keys = self._bands.query(min_hash)
        if not keys:
            return []
        sketch = self._sketch(min_hash)
        estimates = ((self._numbers[key], _estimate_similarity(sketch, self._sketches[key])) for key in keys)
        return sorted((number, estimate) for number, estimate in estimates if estimate >= self._min_estimate)

    @staticmethod
    def _sketch(min_hash: Any) -> bytes:
        return array("I", min_hash.digest()).tobytes()[:: array("I").itemsize]

    def _load(self, signature: bytes) -> Any:
        if signature in self._last_signed:
            return self._last_signed[signature]
        min_hash = _rensa.RMinHash(num_perm=PERMUTATIONS, seed=SEED)
        min_hash.__setstate__(signature)
        return min_hash


def _estimate_similarity(first: bytes, second: bytes) -> float:
    """Return the Jaccard similarity as estimated from two sketches; one byte in 256 is equal by chance."""
    same = sum(a == b for a, b in zip(first, second, strict=True)) / len(first)
    return max(0.0, (same - 1 / 256) / (1 - 1 / 256))


def split_grams(text: str) -> set[bytes]:
    """Return the distinct pieces of five characters in a text, encoded; a shorter text is one piece."""
    return set(_list_grams(text))


def _list_grams(text: str) -> list[bytes]:
    """Return all pieces of five characters in a text.

    Cutting is most of the work: for ASCII, unpacking at five offsets is three times as fast as slicing.
    """
    if len(text) < GRAM_LENGTH:
        return [text.encode()]
    if not text.isascii():
        return [text[start : start + GRAM_LENGTH].encode() for start in range(len(text) - GRAM_LENGTH + 1)]
    data, grams = text.encode(), list[bytes]()
    for start in range(GRAM_LENGTH):
        grams += struct.unpack_from(f"{GRAM_LENGTH}s" * ((len(data) - start) // GRAM_LENGTH), data, start)
    return grams


def compute_similarity(first: str, second: str) -> float:
    """Return the share of pieces that two texts have in common (Jaccard): 1 is the same pieces, 0 none."""
    a, b = split_grams(first), split_grams(second)
    return len(a & b) / len(a | b)
