"""List types that are packed when they are serialized: a run of 100,000 batches must fit into payloads of 2 MB.

Each type is a plain list in memory. A short list is serialized as it is, readable in a history; a long one is
run-length encoded. Both forms are accepted when a list is read.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, PlainSerializer

from quire.outcome import OpenSlot
from quire.slots import Batch

MAX_PLAIN_LENGTH = 64
"""Entries up to which a list is serialized as it is."""


def run_length_encode(values: Sequence[Any]) -> list[Any]:
    """Return `[3, 3, 3, 2]` as `[[3, 3], [2, 1]]`, pairs of value and count; a short list is returned as it is."""
    if len(values) <= MAX_PLAIN_LENGTH:
        return list(values)
    return [[value, sum(1 for _ in same)] for value, same in groupby(values)]


def run_length_decode(encoded: Any) -> Any:
    """Return the list that `run_length_encode` was given. What is no list is returned unchanged, for validation."""
    if not isinstance(encoded, list):
        return encoded
    rows = cast(list[Any], encoded)
    if not rows or not isinstance(rows[0], list):
        return rows
    return [value for value, count in cast(list[tuple[Any, int]], rows) for _ in range(count)]


def _encode_after(after: Sequence[int]) -> list[Any]:
    """Encode the batch that each batch waits for as a distance back, which is the same throughout a lane."""
    if len(after) <= MAX_PLAIN_LENGTH:
        return list(after)
    return run_length_encode([number - previous if previous else 0 for number, previous in enumerate(after, 1)])


def _decode_after(encoded: Any) -> Any:
    if not isinstance(encoded, list) or not encoded or not isinstance(encoded[0], list):
        return encoded
    return [number - back if back else 0 for number, back in enumerate(cast(list[int], run_length_decode(encoded)), 1)]


def _encode_open_slots(slots: Sequence[OpenSlot]) -> list[Any]:
    """Encode neighbouring slots with the same reason as one row: first slot, last slot, reason, detail."""
    if len(slots) <= MAX_PLAIN_LENGTH:
        return [slot.model_dump() for slot in slots]
    rows: list[list[Any]] = []
    for slot in slots:
        if rows and rows[-1][1] == slot.slot - 1 and rows[-1][2:] == [slot.reason, slot.detail]:
            rows[-1][1] = slot.slot
        else:
            rows.append([slot.slot, slot.slot, slot.reason, slot.detail])
    return rows


def _decode_open_slots(encoded: Any) -> Any:
    if not isinstance(encoded, list) or not encoded or not isinstance(encoded[0], list):
        return encoded
    return [
        OpenSlot(slot=number, reason=reason, detail=detail)
        for first, last, reason, detail in cast(list[tuple[int, int, Any, str]], encoded)
        for number in range(first, last + 1)
    ]


def _encode_batches(batches: Iterable[Batch]) -> list[Any]:
    """Encode neighbouring batches that are as planned as one row: first batch, first slot, sizes."""
    rows: list[Any] = []
    last: tuple[int, int] | None = None
    for batch in batches:
        is_planned = batch.name.isdecimal() and batch == Batch(name=batch.name, slots=_list_consecutive_slots(batch))
        if is_planned and last == (batch.root - 1, batch.slots[0] - 1):
            rows[-1][2].append(len(batch.slots))
        elif is_planned:
            rows.append([batch.root, batch.slots[0], [len(batch.slots)]])
        else:
            rows.append(batch.model_dump(exclude_defaults=True))
        last = (batch.root, batch.slots[-1]) if is_planned else None
    return [[row[0], row[1], run_length_encode(row[2])] if isinstance(row, list) else row for row in rows]


def _list_consecutive_slots(batch: Batch) -> tuple[int, ...]:
    return tuple(range(batch.slots[0], batch.slots[0] + len(batch.slots)))


def _decode_batches(encoded: Any) -> Any:
    if isinstance(encoded, str) or not isinstance(encoded, Iterable):
        return encoded
    batches: list[Any] = []
    for row in cast(Iterable[Any], encoded):
        if not isinstance(row, list):
            batches.append(row)
            continue
        number, slot, sizes = cast(tuple[int, int, Any], row)
        for index, size in enumerate(cast(list[int], run_length_decode(sizes))):
            batches.append(Batch(name=str(number + index), slots=tuple(range(slot, slot + size))))
            slot += size
    return batches


Sizes = Annotated[list[int], PlainSerializer(run_length_encode), BeforeValidator(run_length_decode)]
After = Annotated[list[int], PlainSerializer(_encode_after), BeforeValidator(_decode_after)]
Reasons = Annotated[list[OpenSlot], PlainSerializer(_encode_open_slots), BeforeValidator(_decode_open_slots)]
PACKED_BATCHES = PlainSerializer(_encode_batches)
UNPACKED_BATCHES = BeforeValidator(_decode_batches)
Batches = Annotated[list[Batch], PACKED_BATCHES, UNPACKED_BATCHES]
