"""A sequence whose entries are built on access: a hundred thousand slots held as objects would take 200 MB."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TypeVar, overload

T = TypeVar("T")


class LazySequence(Sequence[T]):
    """A sequence without stored entries. Subclasses implement `__len__` and `build_entry`."""

    @abstractmethod
    def build_entry(self, position: int) -> T:
        """Return the entry at an existing position, from 0."""

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> list[T]: ...
    def __getitem__(self, at: int | slice) -> T | list[T]:
        if isinstance(at, slice):
            return [self.build_entry(number) for number in range(*at.indices(len(self)))]
        at = at + len(self) if at < 0 else at
        if not 0 <= at < len(self):
            raise IndexError(at)
        return self.build_entry(at)
