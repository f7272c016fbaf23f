"""The end of a run in MLflow: exactly the assembled items, the run's files, and its verdict."""

import json
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from activities.output.formats import OUTPUT_FORMATS
from activities.report import PAGE_KEY
from activities.report.ledger import LEDGER_KEY
from activities.store.batch_files import batch_key, batch_name
from activities.store.item_index import ItemIndex, open_item_index
from activities.store.object_store import REPORT_KEY
from activities.tracking.batch_log import BATCHES_PER_WRITE, BatchLog, plan_order
from activities.tracking.batch_records import LoggedBatch, hash_json, hash_record
from activities.tracking.mlflow_client import Tracker
from quire.progress import Verdict
from quire.slots import format_ranges

STATUS: dict[Verdict, str] = {"complete": "FINISHED", "partial": "FINISHED", "failed": "FAILED", "cancelled": "KILLED"}
_RECORDS_PER_WRITE = 200


async def log_run_end(log: BatchLog, verdict: Verdict, timestamp: float) -> list[str]:
    """Log the end of a run at `timestamp`, in seconds since 1970, and return warnings.

    First, batches and records that were logged before an item was rejected are corrected.
    """
    index = await open_item_index(log.store)
    slots_by_batch: dict[str, list[int]] = {}
    for number in index.iter_slot_numbers():
        slots_by_batch.setdefault(batch_name(index.file_key(number)), []).append(number)
    await _correct_batches(log, index, slots_by_batch)
    warnings = await _correct_records(log, index, slots_by_batch)
    await _log_files(log)
    report = json.loads(await log.store.get(REPORT_KEY) or b"{}")
    tags = {"quire.verdict": verdict, "quire.simulated": "true" if report.get("simulated") else "false"}
    await log.call_mlflow(log.tracker.end_run, log.run, STATUS[verdict], tags, timestamp)
    return warnings


async def _correct_batches(log: BatchLog, index: ItemIndex, slots_by_batch: Mapping[str, Sequence[int]]) -> None:
    """Log the batches again whose logged slots are not the assembled ones, or have a duplicate that was kept."""
    changed: list[str] = []
    for name, logged_slots in sorted(log.logged_slots.items(), key=lambda entry: plan_order(entry[0])):
        numbers = slots_by_batch.get(name, [])
        if logged_slots != format_ranges(numbers) or any(number in index.kept_duplicates for number in numbers):
            changed.append(name)
    for start in range(0, len(changed), BATCHES_PER_WRITE):
        chunk = changed[start : start + BATCHES_PER_WRITE]
        await log.log_batches([await _read_batch(log, index, name, slots_by_batch.get(name, [])) for name in chunk])


async def _read_batch(log: BatchLog, index: ItemIndex, name: str, numbers: Sequence[int]) -> LoggedBatch:
    included = frozenset(numbers)
    data = await log.store.get(batch_key(name)) or b""
    return LoggedBatch.from_file(log.plan, name, data, lambda number: number in included, index.kept_duplicates)


async def _correct_records(
    log: BatchLog, index: ItemIndex, slots_by_batch: Mapping[str, Sequence[int]]
) -> list[str]:  # fmt: skip
    """Leave exactly one record for each assembled case in the dataset, and return warnings."""
    dataset = await log.claim.find_dataset()
    if dataset is None:
        return []
    expected: dict[bytes, tuple[int, bytes]] = {}
    cases = 0
    for name, numbers in slots_by_batch.items():
        records = (await _read_batch(log, index, name, numbers)).build_records()
        cases += len(records)
        expected |= {hash_json(record["inputs"]): (number, hash_record(record)) for number, record in records.items()}
    wrong_ids, correct_slots = await log.call_mlflow(_compare_records, log.tracker, dataset, expected)
    await log.call_mlflow(log.tracker.delete_records, dataset, wrong_ids)
    missing = sorted({number for number, _ in expected.values()} - correct_slots)
    for start in range(0, len(missing), _RECORDS_PER_WRITE):
        chunk = missing[start : start + _RECORDS_PER_WRITE]
        batches = [await _read_batch(log, index, batch_name(index.file_key(number)), [number]) for number in chunk]
        records = [record for batch in batches for record in batch.build_records().values()]
        await log.call_mlflow(log.tracker.upsert_records, dataset, records)
    same = cases - len(expected)
    return [f"{same:,} cases have the inputs of another: MLflow keeps one record for each input"] if same else []


def _compare_records(
    tracker: Tracker, dataset: str, expected: Mapping[bytes, tuple[int, bytes]]
) -> tuple[list[str], set[int]]:
    """Return the ids of the records that are not as expected, and the slots whose record is.

    A record that MLflow merged with another slot's has parts of both: it is wrong, too, and is written again.
    """
    wrong_ids: list[str] = []
    correct_slots: set[int] = set()
    for record_id, record in tracker.iter_records(dataset):
        number, digest = expected.get(hash_json(record["inputs"]), (0, b""))
        if hash_record(record) == digest:
            correct_slots.add(number)
        else:
            wrong_ids.append(record_id)
    return wrong_ids, correct_slots


async def _log_files(log: BatchLog) -> None:
    """Copy the artifact in every format, the report, its page and the ledger from the store to MLflow."""
    async for key in _list_file_keys(log):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / key.rpartition("/")[2]
            if await log.store.copy_to_path(key, copy):
                await log.call_mlflow(log.tracker.log_file, log.run, str(copy), key.rpartition("/")[0])


async def _list_file_keys(log: BatchLog) -> AsyncIterator[str]:
    for name in log.plan.request.output.formats:
        address = OUTPUT_FORMATS[name].address
        folder = [key async for key in log.store.list_sorted_keys(f"{address}/")]
        for key in folder or [address]:
            yield key
    for key in (REPORT_KEY, PAGE_KEY, LEDGER_KEY):
        yield key
