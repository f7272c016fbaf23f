"""Indexes that find what an item is like, by method; a new item is asked for first, and added when it stays. Pure."""

import struct
from array import array
from collections import defaultdict
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol

from quire.comparison_text import key_of

_rensa: Any = import_module("rensa")  # Rust, without type stubs
Like = tuple[int, float]
"""The number of an earlier item, and how like it is, from 0 to 1."""


class Index(Protocol):
    """What a method knows of the items that stay. Numbers below 1 are items from outside."""

    certain: bool
    """Whether `like` is the likeness itself; else it is an estimate, and `likeness` of the two texts decides."""

    def sign(self, texts: Sequence[str]) -> list[bytes]:
        """What is kept of each text; the same for the same text in every process."""
        ...

    def expect(self, signatures: Sequence[bytes]) -> None:
        """These are asked for next, in this order: what can be done for many at a time is done here."""
        ...

    def add(self, number: int, signature: bytes) -> None:
        """This item stays."""
        ...

    def like(self, signature: bytes) -> list[Like]:
        """Items that may be like it, in the order of their numbers."""
        ...


class Same:
    """Twins have the same key: `exact` and `structural`."""

    certain = True

    def __init__(self) -> None:
        self._holders: defaultdict[bytes, list[int]] = defaultdict(list)

    def sign(self, texts: Sequence[str]) -> list[bytes]:
        return [key_of(text) for text in texts]

    def expect(self, signatures: Sequence[bytes]) -> None:
        pass

    def add(self, number: int, signature: bytes) -> None:
        self._holders[signature].append(number)

    def like(self, signature: bytes) -> list[Like]:
        return [(number, 1.0) for number in sorted(self._holders.get(signature, ()))]


GRAM = 5
PERMUTATIONS, BANDS, SEED = 128, 16, 42
MARGIN = 0.12
"""How far below the threshold an estimate may be for the texts to be looked at: four times its standard error."""


class Near:
    """Twins share most of their five-character pieces: MinHash over those, candidates by bands of it.

    With 16 bands of 8 a pair at 0.9 is missed once in ten thousand times. Below 0.8 most templated items are
    candidates for each other, and it becomes slow.
    """

    certain = False

    def __init__(self, threshold: float) -> None:
        self._least = threshold - MARGIN
        self._bands = _rensa.RMinHashLSH(threshold=threshold, num_perm=PERMUTATIONS, num_bands=BANDS)
        self._numbers: list[int] = []
        """By the key in the bands, which counts from 0."""
        self._signed: dict[bytes, Any] = {}
        """What was signed last, which is asked for next."""
        self._sketches: list[bytes] = []
        """One byte of each hash, by the same key: enough to estimate by, in a quarter of the memory."""

    def sign(self, texts: Sequence[str]) -> list[bytes]:
        found = _rensa.RMinHash.from_token_sets([_pieces(text) for text in texts], PERMUTATIONS, SEED)
        signatures = [one.__getstate__() for one in found]
        self._signed = dict(zip(signatures, found, strict=True))
        return signatures

    def expect(self, signatures: Sequence[bytes]) -> None:
        pass

    def add(self, number: int, signature: bytes) -> None:
        found = self._loaded(signature)
        self._bands.insert(len(self._numbers), found)
        self._numbers.append(number)
        self._sketches.append(self._sketch(found))

    def like(self, signature: bytes) -> list[Like]:
        found = self._loaded(signature)
        keys = self._bands.query(found)
        if not keys:
            return []
        sketch = self._sketch(found)
        estimates = ((self._numbers[key], _estimate(sketch, self._sketches[key])) for key in keys)
        return sorted((number, estimate) for number, estimate in estimates if estimate >= self._least)

    @staticmethod
    def _sketch(found: Any) -> bytes:
        return array("I", found.digest()).tobytes()[:: array("I").itemsize]

    def _loaded(self, signature: bytes) -> Any:
        if signature in self._signed:
            return self._signed[signature]
        found = _rensa.RMinHash(num_perm=PERMUTATIONS, seed=SEED)
        found.__setstate__(signature)
        return found


def _estimate(one: bytes, other: bytes) -> float:
    """Jaccard by sketches; one byte in 256 is the same by chance."""
    same = sum(a == b for a, b in zip(one, other, strict=True)) / len(one)
    return max(0.0, (same - 1 / 256) / (1 - 1 / 256))


def grams(text: str) -> set[bytes]:
    """The pieces of five characters that a text has, encoded; a shorter text is one piece."""
    return set(_pieces(text))


def _pieces(text: str) -> list[bytes]:
    """Cutting is most of the work: for plain ASCII, unpacking at five offsets is three times as fast as slicing."""
    if len(text) < GRAM:
        return [text.encode()]
    if not text.isascii():
        return [text[at : at + GRAM].encode() for at in range(len(text) - GRAM + 1)]
    data, found = text.encode(), list[bytes]()
    for start in range(GRAM):
        found += struct.unpack_from(f"{GRAM}s" * ((len(data) - start) // GRAM), data, start)
    return found


def likeness(one: str, other: str) -> float:
    """The share of pieces that two texts have in common (Jaccard): 1 is the same pieces, 0 none."""
    a, b = grams(one), grams(other)
    return len(a & b) / len(a | b)
