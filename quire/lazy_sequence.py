"""A sequence whose entries are made when they are asked for: a hundred thousand made slots would be 200 MB."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TypeVar, overload

T = TypeVar("T")


class Lazily(Sequence[T]):
    """What makes one says `__len__` and `made(at)`, `at` from 0."""

    @abstractmethod
    def made(self, at: int) -> T:
        """The entry at a position that there is."""

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> list[T]: ...
    def __getitem__(self, at: int | slice) -> T | list[T]:
        if isinstance(at, slice):
            return [self.made(number) for number in range(*at.indices(len(self)))]
        at = at + len(self) if at < 0 else at
        if not 0 <= at < len(self):
            raise IndexError(at)
        return self.made(at)
