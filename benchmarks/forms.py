"""What each form of an artifact takes to be written and read back: `uv run python -m benchmarks.forms`. Each in a
process of its own; `jsonl` is nearly the pass over the items alone."""

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

from activities.assemble_artifact import bind
from activities.output.output_format import Bound
from activities.store import plan_file
from activities.store.batch_files import open_shelf, written
from activities.store.object_store import Store
from activities.verify_artifact import problems_of
from benchmarks.peak import peak_mb
from quire.request import Format
from quire.slots import Slot
from runtime.request import request_file
from runtime.worker.process_exit import leave
from runtime.worker.simulator_process import ROOT

SIZES = (1_000, 100_000)
RUN = "forms"
_A_FILE = 25


@dataclass(frozen=True)
class Row:
    """One form of one size, measured."""

    form: str
    items: int
    write_s: float
    read_s: float
    rss_mb: float
    file_mb: float


async def fill(store: Store, items: int) -> None:
    """The plan of an OQ suite of so many tests, and items that no model made."""
    inputs = {"urs": "urs/chromatography.md", "gamp_category": 5}
    laid = request_file.checked({"recipe": "oq_suite", "inputs": inputs, "target": items}, ROOT / "examples").plan
    await plan_file.write(store, laid)
    for number in range(0, items, _A_FILE):
        rows = list(_rows(laid.slots[number : number + _A_FILE]))
        await store.put(f"batches/{number // _A_FILE + 1}.jsonl", written(rows, None))


def _rows(slots: Any) -> Iterator[dict[str, Any]]:
    source = {"source": "model", "model": "o3-mini", "batch": "1", "attempt": 1, "simulated": False}
    for slot in slots:
        yield {"slot": slot.number, "item": _test(slot), "provenance": source}


def _test(slot: Slot) -> dict[str, Any]:
    said = f"{slot.key}: the analyst opens the sequence, starts it, and waits until the injection is done."
    return {
        "slot": slot.number,
        "title": f"Test {slot.number} of the sequence",
        "category": "functional",
        "requirement_ids": list(slot.covers),
        "objective": said,
        "preconditions": [said, said],
        "steps": [{"action": f"{n}. {said}", "expected_result": said} for n in range(1, 4)],
        "acceptance_criteria": [said, said],
        "risk": "high",
    }


async def one(folder: str, form: Format) -> Row:
    """Write and read back one form, in this process."""
    store = Store(folder, RUN)
    found = await plan_file.read(store)
    assert found is not None
    request = found.request.model_copy(update={"output": found.request.output.model_copy(update={"formats": (form,)})})
    plan = replace(found, request=request)
    facts = {"verdict": "complete", "batches": 1, "usage": {}, "simulated": False, "started": "2026-01-01T00:00:00Z"}
    began = time.perf_counter()
    where, said = await bind(plan, await open_shelf(store), store, facts)
    wrote = time.perf_counter()
    found_wrong = await problems_of(form, store, Bound(plan.recipe, plan.slots, {}, RUN, None), len(plan.slots))
    assert not found_wrong, found_wrong
    for warning in said:
        print(warning, file=sys.stderr)
    path = Path(where[form])
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files) / 2**20
    peak = peak_mb()
    return Row(form, len(plan.slots), wrote - began, time.perf_counter() - wrote, peak, size)


async def measured(items: int, forms: tuple[Format, ...]) -> list[Row]:
    """Every form of so many items, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        await fill(Store(folder, RUN), items)
        rows: list[Row] = []
        for form in forms:
            words = [sys.executable, "-m", "benchmarks.forms", "--one", form, folder]
            ended = await asyncio.to_thread(
                subprocess.run, words, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=900
            )
            rows.append(Row(**json.loads(ended.stdout)))
        return rows


async def main() -> None:
    """A table of all forms by size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forms", description=__doc__)
    parser.add_argument("--items", type=int, action="append", help="a size; may be repeated")
    parser.add_argument("--one", nargs=2, metavar=("FORM", "FOLDER"), help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.one:
        print(json.dumps(vars(await one(said.one[1], said.one[0]))))
        return
    print("| form | items | written in s | read back in s | peak memory MB | size MB |\n|---|---|---|---|---|---|")
    for items in said.items or SIZES:
        for row in await measured(items, get_args(Format)):
            print(f"| {row.form} | {row.items} | {row.write_s:.1f} | {row.read_s:.1f} | {row.rss_mb:.0f} "
                  f"| {row.file_mb:.1f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())
    leave(0)  # the store's threads may outlive the interpreter, which then aborts
