"""Time to write and verify each output format: `uv run python -m benchmarks.forms`. Each format has its own process;
`jsonl` is little more than the pass over the items."""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from activities.assemble_artifact import write_artifact
from activities.output.output_format import ArtifactContext
from activities.store import plan_file
from activities.store.batch_files import batch_key, encode_batch_file
from activities.store.item_index import open_item_index
from activities.store.object_store import Store
from activities.verify_artifact import find_problems
from quire.request import Format
from quire.slots import Slot
from runtime.paths import ROOT
from runtime.request import request_file
from runtime.worker.current_process import exit_now
from tests.support.memory import peak_mb

SIZES = (1_000, 100_000)
RUN = "forms"
ITEMS_PER_FILE = 25


@dataclass(frozen=True)
class Row:
    """The figures of one format at one size."""

    form: str
    items: int
    write_s: float
    read_s: float
    rss_mb: float
    file_mb: float


async def fill_store(store: Store, items: int) -> None:
    """Write the plan of an OQ suite of `items` tests, and items that no model made."""
    inputs = {"urs": "urs/chromatography.md", "gamp_category": 5}
    plan = request_file.check_mapping({"recipe": "oq_suite", "inputs": inputs, "target": items}, ROOT / "examples").plan
    await plan_file.write_plan(store, plan)
    for number in range(0, items, ITEMS_PER_FILE):
        rows = list(_make_rows(plan.slots[number : number + ITEMS_PER_FILE]))
        await store.put(batch_key(number // ITEMS_PER_FILE + 1), encode_batch_file(rows, None))


def _make_rows(slots: Any) -> Iterator[dict[str, Any]]:
    source = {"source": "model", "model": "o3-mini", "batch": "1", "attempt": 1, "simulated": False}
    for slot in slots:
        yield {"slot": slot.number, "item": _test_item(slot), "provenance": source}


def _test_item(slot: Slot) -> dict[str, Any]:
    sentence = f"{slot.key}: the analyst opens the sequence, starts it, and waits until the injection is done."
    return {
        "slot": slot.number,
        "title": f"Test {slot.number} of the sequence",
        "category": "functional",
        "requirement_ids": list(slot.covers),
        "objective": sentence,
        "preconditions": [sentence, sentence],
        "steps": [{"action": f"{n}. {sentence}", "expected_result": sentence} for n in range(1, 4)],
        "acceptance_criteria": [sentence, sentence],
        "risk": "high",
    }


async def measure_format(folder: str, form: Format) -> Row:
    """Write one format and read it back, in this process."""
    store = Store(folder, RUN)
    stored_plan = await plan_file.open_plan(store)
    assert stored_plan is not None
    request = stored_plan.request.model_copy(
        update={"output": stored_plan.request.output.model_copy(update={"formats": (form,)})}
    )
    plan = replace(stored_plan, request=request)
    facts = {"verdict": "complete", "batches": 1, "usage": {}, "simulated": False, "started": "2026-01-01T00:00:00Z"}
    started = time.perf_counter()
    where, warnings = await write_artifact(plan, await open_item_index(store), store, facts)
    wrote = time.perf_counter()
    found_wrong = await find_problems(
        form, store, ArtifactContext(plan.recipe, plan.slots, {}, RUN, None), len(plan.slots)
    )
    assert not found_wrong, found_wrong
    for warning in warnings:
        print(warning, file=sys.stderr)
    path = Path(where[form])
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files) / 2**20
    peak = peak_mb()
    return Row(form, len(plan.slots), wrote - started, time.perf_counter() - wrote, peak, size)


async def measure_formats(items: int, forms: tuple[Format, ...]) -> list[Row]:
    """Measure these formats for this many items, each in its own process."""
    with tempfile.TemporaryDirectory() as folder:
        await fill_store(Store(folder, RUN), items)
        rows: list[Row] = []
        for form in forms:
            words = [sys.executable, "-m", "benchmarks.forms", "--one", form, folder]
            ended = await asyncio.to_thread(
                subprocess.run, words, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=900
            )
            rows.append(Row(**json.loads(ended.stdout)))
        return rows


async def main() -> None:
    """Print a table of all formats by size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forms", description=__doc__)
    parser.add_argument("--items", type=int, action="append", help="a size; may be repeated")
    parser.add_argument("--one", nargs=2, metavar=("FORM", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(vars(await measure_format(arguments.one[1], arguments.one[0]))))
        return
    print("| form | items | written in s | read back in s | peak memory MB | size MB |\n|---|---|---|---|---|---|")
    for items in arguments.items or SIZES:
        for row in await measure_formats(items, get_args(Format)):
            print(f"| {row.form} | {row.items} | {row.write_s:.1f} | {row.read_s:.1f} | {row.rss_mb:.0f} "
                  f"| {row.file_mb:.1f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())
    exit_now(0)  # the store's threads may outlive the interpreter, which then aborts
