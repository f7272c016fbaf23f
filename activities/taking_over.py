"""What an ended run left in the store, for the run that goes on with it."""

import json
from bisect import bisect_right
from collections import defaultdict
from itertools import accumulate

from temporalio import activity

from activities.store.batch_files import Shelf, open_shelf, rounds
from activities.store.object_store import Store
from quire.contracts import TakenOver
from quire.outcome import Usage
from recipes.planning import Plan


async def left(store: Store, laid: Plan) -> TakenOver:
    """Open slots and counts. Where the earlier run was ended by force there is no report, and counts begin at zero."""
    shelf = await open_shelf(store)
    run_id = (activity.info().workflow_run_id if activity.in_activity() else None) or ""
    said = json.loads(await store.get("report.json") or b"{}")
    return TakenOver(
        open=_ranges([slot.number for slot in laid.slots if slot.number not in shelf]),
        label=f"n{run_id[:8]}",
        checks=await _rounds(store),
        files=_files(shelf, laid.sizes) if laid.after else {},
        usage=Usage.model_validate(said.get("usage", {})),
        models={name: Usage.model_validate(used) for name, used in said.get("models", {}).items()},
        rounds=said.get("rounds", 1) + 1,
        duplicates_rejected=said.get("duplicates_rejected", 0),
        fallbacks=said.get("fallbacks", 0),
    )


async def _rounds(store: Store) -> int:
    return max([0, *[round_ async for round_ in rounds(store)]])


def _files(shelf: Shelf, sizes: list[int]) -> dict[int, list[str]]:
    """Names of the batches that filled slots, by planned batch."""
    ends = list(accumulate(sizes))
    found: defaultdict[int, list[str]] = defaultdict(list)
    for number in shelf.numbers():
        name = shelf.file_of(number).removeprefix("batches/").removesuffix(".jsonl")
        names = found[bisect_right(ends, number - 1) + 1]
        if name not in names:
            names.append(name)
    return dict(found)


def _ranges(numbers: list[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
