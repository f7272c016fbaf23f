"""Long lists as they travel: a payload has its limit of 2 MB, and a run of a hundred thousand batches its sizes.

Each type is a plain list in memory. On the wire short lists stay as they are, readable in a history; long ones are runs
of equal entries. What earlier versions wrote is read as well.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, PlainSerializer

from quire.outcome import OpenSlot
from quire.slots import Batch

SHORT = 64


def runs(values: Sequence[Any]) -> list[Any]:
    """`[3, 3, 3, 2]` as `[[3, 3], [2, 1]]`, where it is long."""
    if len(values) <= SHORT:
        return list(values)
    return [[value, sum(1 for _ in same)] for value, same in groupby(values)]


def unrolled(said: Any) -> Any:
    """The list again."""
    if not isinstance(said, list):
        return said
    rows = cast(list[Any], said)
    if not rows or not isinstance(rows[0], list):
        return rows
    return [value for value, count in cast(list[tuple[Any, int]], rows) for _ in range(count)]


def _back(after: Sequence[int]) -> list[Any]:
    """Of each batch how far back the one lies that it waits for: the same for all of a lane."""
    if len(after) <= SHORT:
        return list(after)
    return runs([number - first if first else 0 for number, first in enumerate(after, 1)])


def _forward(said: Any) -> Any:
    if not isinstance(said, list) or not said or not isinstance(said[0], list):
        return said
    return [number - back if back else 0 for number, back in enumerate(cast(list[int], unrolled(said)), 1)]


def _reasons(slots: Sequence[OpenSlot]) -> list[Any]:
    """Neighbours that gave up for the same reason in one row: first slot, last slot, reason, detail."""
    if len(slots) <= SHORT:
        return [slot.model_dump() for slot in slots]
    rows: list[list[Any]] = []
    for slot in slots:
        if rows and rows[-1][1] == slot.slot - 1 and rows[-1][2:] == [slot.reason, slot.detail]:
            rows[-1][1] = slot.slot
        else:
            rows.append([slot.slot, slot.slot, slot.reason, slot.detail])
    return rows


def _slots(said: Any) -> Any:
    if not isinstance(said, list) or not said or not isinstance(said[0], list):
        return said
    return [
        OpenSlot(slot=number, reason=reason, detail=detail)
        for first, last, reason, detail in cast(list[tuple[int, int, Any, str]], said)
        for number in range(first, last + 1)
    ]


def _batches(batches: Iterable[Batch]) -> list[Any]:
    """First calls of neighbouring batches in one row: first batch, first slot, sizes."""
    rows: list[Any] = []
    last: tuple[int, int] | None = None
    for batch in batches:
        first = batch.name.isdecimal() and batch == Batch(name=batch.name, slots=_filled(batch))
        if first and last == (batch.root - 1, batch.slots[0] - 1):
            rows[-1][2].append(len(batch.slots))
        elif first:
            rows.append([batch.root, batch.slots[0], [len(batch.slots)]])
        else:
            rows.append(batch.model_dump(exclude_defaults=True))
        last = (batch.root, batch.slots[-1]) if first else None
    return [[row[0], row[1], runs(row[2])] if isinstance(row, list) else row for row in rows]


def _filled(batch: Batch) -> tuple[int, ...]:
    return tuple(range(batch.slots[0], batch.slots[0] + len(batch.slots)))


def _unpacked(said: Any) -> Any:
    if isinstance(said, str) or not isinstance(said, Iterable):
        return said
    found: list[Any] = []
    for row in cast(Iterable[Any], said):
        if not isinstance(row, list):
            found.append(row)
            continue
        number, slot, sizes = cast(tuple[int, int, Any], row)
        for index, size in enumerate(cast(list[int], unrolled(sizes))):
            found.append(Batch(name=str(number + index), slots=tuple(range(slot, slot + size))))
            slot += size
    return found


Sizes = Annotated[list[int], PlainSerializer(runs), BeforeValidator(unrolled)]
After = Annotated[list[int], PlainSerializer(_back), BeforeValidator(_forward)]
Reasons = Annotated[list[OpenSlot], PlainSerializer(_reasons), BeforeValidator(_slots)]
packed = PlainSerializer(_batches)
unpacked = BeforeValidator(_unpacked)
Batches = Annotated[list[Batch], packed, unpacked]
