"""Batch files, `batches/NAME.jsonl`: their keys, and how items are encoded in them.

A planned batch is named by its number from 1; whatever fills the rest of its slots, such as a retry, is named
`NUMBER.SUFFIX`.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from activities.store.object_store import BATCHES, Store

Row = dict[str, Any]
"""An item as stored: `{"slot", "item", "provenance"}`."""
_SUFFIX = ".jsonl"


def batch_key(name: str | int) -> str:
    """Return the key of a batch's file."""
    return f"{BATCHES}{name}{_SUFFIX}"


def batch_name(key: str) -> str:
    """Return the name of the batch whose file has this key."""
    return key.removeprefix(BATCHES).removesuffix(_SUFFIX)


def parse_planned_number(name: str) -> int:
    """Return the number of the planned batch that a batch belongs to, from 1: 7 for both `7` and `7.2`."""
    return int(name.partition(".")[0])


async def list_batch_names(store: Store) -> AsyncIterator[str]:
    """Yield the names of all batches that have a file, in no order."""
    async for key in store.list_keys(BATCHES):
        if key.endswith(_SUFFIX):
            yield batch_name(key)


@dataclass(frozen=True)
class BatchFile:
    """The content of a batch file."""

    rows: dict[int, Row]
    """Items by slot number."""
    call: dict[str, Any] | None
    """The ledger's note of the call that produced them; None if no model was called."""


async def read_batch_file(store: Store, key: str) -> BatchFile:
    """Read a batch file; a missing one is empty."""
    return parse_batch_file(await store.get(key) or b"")


def parse_batch_file(data: bytes) -> BatchFile:
    """Decode a batch file: one line per item, then at most one line with the note of the call."""
    rows: dict[int, Row] = {}
    call = None
    for line in data.splitlines():
        entry = json.loads(line)
        if "call" in entry:
            call = entry["call"]
        else:
            rows[entry["slot"]] = entry
    return BatchFile(rows, call)


def encode_batch_file(rows: Iterable[Mapping[str, Any]], call: Mapping[str, Any] | None) -> bytes:
    """Encode a batch file. `slot` must be the first key of each row: the item index finds slots by it."""
    lines = [*rows, *([{"call": call}] if call is not None else [])]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
