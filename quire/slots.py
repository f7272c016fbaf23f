"""The slot (one item to be generated) and the batch (the slots filled by one call)."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict


class Slot(BaseModel):
    """One item to be generated. `number` counts from 1 in artifact order; `key` is what people call it (`OQ-007`)."""

    model_config = ConfigDict(frozen=True)

    number: int
    key: str
    brief: str
    """The slot's text in the prompt."""
    covers: tuple[str, ...] = ()
    """Ids of what the item must cover: requirements, topics, positions."""
    data: dict[str, Any] = {}
    """The recipe's own data of this slot: a topic's path, a week's phase."""


class Batch(BaseModel):
    """One call of the model: its name, which also names its file in the store, and the slot numbers to fill."""

    model_config = ConfigDict(frozen=True)

    name: str
    slots: tuple[int, ...]
    tries: int = 1
    """The number of this try of the slots' content, from 1."""
    rejected_by: str = ""
    """The batch of the previous try, if its items were rejected: its file in the store says why."""
    step: int = 0
    """The model to call: 0 is the first, then its fallbacks in order."""
    full: bool = False
    """True to allow the model's longest answer, because a single item was cut off at the usual limit."""
    avoid: int = 0
    """The round of the duplicate check that reopened these slots; its rejected items are in the store. 0 is none."""

    @property
    def root(self) -> int:
        """The number, from 1, of the planned batch that this batch is a part or a retry of."""
        return int(self.name.partition(".")[0])


def find_ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first and last number of each range of consecutive numbers. The numbers must be in order."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def format_ranges(numbers: Iterable[int]) -> str:
    """Format numbers as people write them: `[1, 2, 3, 7]` is `1-3, 7`. They may be in any order."""
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in find_ranges(sorted(numbers)))
