"""The end of a run in MLflow: just what was bound is there, its files beside it, and how it ended."""

import json
from collections.abc import Mapping, Sequence

from activities.mlflow_artifacts import upload
from activities.store.batch_files import Shelf, open_shelf
from activities.tracking.batch_log import TOGETHER, Place, in_order, key_of, name_of
from activities.tracking.batch_records import LoggedBatch, likeness, whole
from activities.tracking.mlflow_client import Tracker
from quire.progress import Verdict
from quire.slots import ranges

STATUS: dict[Verdict, str] = {"complete": "FINISHED", "partial": "FINISHED", "failed": "FAILED", "cancelled": "KILLED"}


async def end(place: Place, verdict: Verdict, at: float) -> list[str]:
    """Put right what was logged before a twin or a refused item was known as such, then tell how it ended; warnings."""
    shelf = await open_shelf(place.store)
    bound: dict[str, list[int]] = {}
    for number in shelf.numbers():
        bound.setdefault(name_of(shelf.file_of(number)), []).append(number)
    changed = [
        name
        for name, slots in sorted(place.had.items(), key=lambda entry: in_order(entry[0]))
        if slots != ranges(bound.get(name, [])) or any(number in shelf.kept for number in bound.get(name, []))
    ]
    for start in range(0, len(changed), TOGETHER):
        some = changed[start : start + TOGETHER]
        await place.put([await _bound(place, shelf, name, bound.get(name, [])) for name in some])
    warnings = await _cases(place, shelf, bound)
    await upload(place)
    report = json.loads(await place.store.get("report.json") or b"{}")
    tags = {"quire.verdict": verdict, "quire.simulated": "true" if report.get("simulated") else "false"}
    await place.tell(place.tracker.end, place.run, STATUS[verdict], tags, at)
    return warnings


async def _bound(place: Place, shelf: Shelf, name: str, numbers: Sequence[int]) -> LoggedBatch:
    chosen = frozenset(numbers)
    data = await place.store.get(key_of(name)) or b""
    return LoggedBatch.of(place.plan, name, data, lambda number: number in chosen, shelf.kept)


async def _cases(place: Place, shelf: Shelf, bound: Mapping[str, Sequence[int]]) -> list[str]:
    """Leave one record for each case that was bound, and no other."""
    dataset = await place.claim.known_dataset()
    if dataset is None:
        return []
    wanted: dict[bytes, tuple[int, bytes]] = {}
    cases = 0
    for name, numbers in bound.items():
        records = (await _bound(place, shelf, name, numbers)).records()
        cases += len(records)
        wanted |= {likeness(record["inputs"]): (number, whole(record)) for number, record in records.items()}
    strays, right = await place.tell(_compare, place.tracker, dataset, wanted)
    await place.tell(place.tracker.take_out, dataset, strays)
    left = sorted({number for number, _ in wanted.values()} - right)
    for start in range(0, len(left), 200):
        some = [await _bound(place, shelf, name_of(shelf.file_of(n)), [n]) for n in left[start : start + 200]]
        records = [record for batch in some for record in batch.records().values()]
        await place.tell(place.tracker.merge, dataset, records)
    same = cases - len(wanted)
    return [f"{same} cases have the inputs of another: MLflow's dataset has one record for each input"] if same else []


def _compare(tracker: Tracker, dataset: str, wanted: Mapping[bytes, tuple[int, bytes]]) -> tuple[list[str], set[int]]:
    """Which records are not as they are wanted, by id, and which slots have theirs. A record that was merged with
    another slot's has something of both: it goes, too, and comes again."""
    strays: list[str] = []
    right: set[int] = set()
    for record_id, record in tracker.records(dataset):
        number, content = wanted.get(likeness(record["inputs"]), (0, b""))
        if whole(record) == content:
            right.add(number)
        else:
            strays.append(record_id)
    return strays, right
