"""Indexes that find what an item is like, by method; a new item is asked for first, and added when it stays. Pure."""

from collections import defaultdict
from importlib import import_module
from typing import Any, Protocol

from quire.duplicates import key_of

_rensa: Any = import_module("rensa")  # Rust, without type stubs
Like = tuple[int, float]
"""The number of an earlier item, and how like it is, from 0 to 1."""


class Index(Protocol):
    """What a method knows of the items that stay. Numbers below 1 are items from outside."""

    certain: bool
    """Whether `like` is the likeness itself; else it is an estimate, and `likeness` of the two texts decides."""

    def sign(self, text: str) -> bytes:
        """What is kept of a text; the same for the same text in every process."""
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

    def sign(self, text: str) -> bytes:
        return key_of(text)

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
        self._hashes: dict[int, Any] = {}
        self._numbers: list[int] = []
        """By the key in the bands, which counts from 0."""

    def sign(self, text: str) -> bytes:
        found = _rensa.RMinHash(num_perm=PERMUTATIONS, seed=SEED)
        found.update(list(grams(text)))
        return found.__getstate__()

    def add(self, number: int, signature: bytes) -> None:
        found = self._loaded(signature)
        self._bands.insert(len(self._numbers), found)
        self._numbers.append(number)
        self._hashes[number] = found

    def like(self, signature: bytes) -> list[Like]:
        found = self._loaded(signature)
        numbers = sorted(self._numbers[key] for key in self._bands.query(found))
        estimates = ((number, self._hashes[number].jaccard(found)) for number in numbers)
        return [(number, estimate) for number, estimate in estimates if estimate >= self._least]

    @staticmethod
    def _loaded(signature: bytes) -> Any:
        found = _rensa.RMinHash(num_perm=PERMUTATIONS, seed=SEED)
        found.__setstate__(signature)
        return found


def grams(text: str) -> set[str]:
    """The pieces of five characters that a text has; a shorter text is one piece."""
    return {text[at : at + GRAM] for at in range(max(1, len(text) - GRAM + 1))}


def likeness(one: str, other: str) -> float:
    """The share of pieces that two texts have in common (Jaccard): 1 is the same pieces, 0 none."""
    a, b = grams(one), grams(other)
    return len(a & b) / len(a | b)
