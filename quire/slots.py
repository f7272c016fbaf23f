"""The slot, one item to be made, and the batch, the slots filled by one call."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict


class Slot(BaseModel):
    """One item to be made. `number` counts from 1 in artifact order; `key` is what people call it (`OQ-007`)."""

    model_config = ConfigDict(frozen=True)

    number: int
    key: str
    brief: str
    """What the prompt says of this slot."""
    covers: tuple[str, ...] = ()
    """What this slot must cover, by id: requirements, topics, positions."""
    data: dict[str, Any] = {}
    """What the recipe knows of this slot beside its brief: a topic's path, a week's phase."""


class Batch(BaseModel):
    """One call to the model: its name, which is also its file's, and the slot numbers it is to fill."""

    model_config = ConfigDict(frozen=True)

    name: str
    slots: tuple[int, ...]
    tries: int = 1
    """Which try of these slots' content this is, from 1."""
    hints: tuple[str, ...] = ()
    """What was wrong the last time, for the prompt; short, one sentence each."""
    step: int = 0
    """Which of the models is asked: 0 is the first, then its fallbacks in order."""
    full: bool = False
    """Whether the answer may be as long as the model can make it: a single item was cut off at the usual limit."""
    avoid: int = 0
    """The round of the duplicate check that opened these slots again; what it found is in the store."""

    @property
    def root(self) -> int:
        """The planned batch that this one stems from, counting from 1."""
        return int(self.name.partition(".")[0])


def ranges(numbers: Sequence[int]) -> str:
    """`[1, 2, 3, 7]` as people write it: `1-3, 7`."""
    parts: list[str] = []
    start = previous = None
    for number in [*sorted(numbers), None]:
        if start is None:
            start = previous = number
        elif number is not None and previous is not None and number == previous + 1:
            previous = number
        else:
            parts.append(str(start) if start == previous else f"{start}-{previous}")
            start = previous = number
    return ", ".join(parts)
