"""Precision, recall, time and memory of each method: `uv run python -m benchmarks.duplicates [--quick]`.

A labelled set of short texts is built: originals, and for some of them a twin of one kind. `KINDS` says which
methods should reject it; what they reject beside those is wrong. Vectors are the simulator's, by words: they know no
synonyms, so that the row of `semantic` tells of the search and not of a model.
"""

import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from typing import Any

from activities.find_duplicates import deduplicate
from activities.model.endpoints import Endpoints
from activities.store import plan_file
from activities.store.object_store import Store
from activities.store.plan_file import Plans
from benchmarks.harness import things
from benchmarks.peak import peak_mb
from quire.contracts import DeduplicateInput, Job
from recipes.planning import lay_out
from simulator.options import Options
from simulator.server import SimulatorServer

SIZES = (1_000, 10_000, 100_000)
METHODS = ("exact", "structural", "near", "semantic")
KINDS: dict[str, tuple[str, ...]] = {
    "the same": ("exact", "structural", "near", "semantic"),
    "other numbers": ("structural", "near", "semantic"),
    "a word changed": ("near", "semantic"),
    "words reordered": ("semantic",),
    "templated, other": (),
}
"""Kinds of later items, and the methods that should reject them."""
ITEMS_A_BATCH = 20
SHARE = 0.05
"""Of all items, of each kind."""


def _text(source: random.Random, words: list[str]) -> str:
    return " ".join([*source.choices(words, k=44), f"with value {source.randint(1, 999)} of {source.randint(1, 999)}"])


def labelled(count: int) -> list[tuple[str, str]]:
    """Texts, each with its kind; `original` is like no other. A twin's original stands before it."""
    source = random.Random(7)
    words = ["".join(source.choices("abcdefghijklmnopqrstuvwxyz", k=source.randint(4, 9))) for _ in range(5_000)]
    found: list[tuple[str, str]] = []
    while len(found) < count:
        draw, text = source.random(), _text(source, words)
        kinds = list(KINDS)
        kind = kinds[int(draw / SHARE)] if draw < SHARE * len(kinds) else "original"
        if kind == "templated, other":
            text = f"verify that the {source.choice(words)} of the {source.choice(words)} shall {text[:160]}"
        elif kind != "original":
            of = next((t for t, k in reversed(found) if k == "original"), None)
            if of is None:
                kind = "original"
            else:
                text = _twin(of, kind, source, words)
        found.append((text, kind))
    return found


def _twin(of: str, kind: str, source: random.Random, words: list[str]) -> str:
    parts = of.split(" ")
    if kind == "other numbers":
        return " ".join(str(source.randint(1000, 9999)) if part.isdigit() else part for part in parts)
    if kind == "a word changed":
        parts[source.randrange(44)] = source.choice(words)
    elif kind == "words reordered":
        source.shuffle(parts)
    return " ".join(parts)


async def written(method: str, count: int, endpoint: str, root: str) -> None:
    """A plan and its batches, as a run would have left them."""
    store, rows = Store(root, "b"), labelled(count)
    request = things(
        root,
        count,
        duplicates={"method": method, "fields": ["text"]},
        model={"name": "m", "base_url": endpoint},
        batching={"size": ITEMS_A_BATCH},
    )
    await plan_file.write(store, lay_out(request, {}, {}))
    for start in range(0, count, ITEMS_A_BATCH):
        lines = [
            json.dumps({"slot": number, "item": {"text": text}, "provenance": {}})
            for number, (text, _) in enumerate(rows[start : start + ITEMS_A_BATCH], start + 1)
        ]
        await store.put(f"batches/{start // ITEMS_A_BATCH + 1}.jsonl", ("\n".join(lines) + "\n").encode())


async def measured(method: str, count: int, endpoint: str) -> dict[str, Any]:
    """One look over so many items in a store on disk."""
    with tempfile.TemporaryDirectory() as root:
        job = Job(workflow_id="b", store=root)
        subprocess.run(
            [sys.executable, "-m", "benchmarks.duplicates", "write", method, str(count), endpoint, root], check=True
        )
        plans = Plans()
        await plans.read(job)
        before, began = _memory(), time.perf_counter()
        found = await deduplicate(DeduplicateInput(job=job, round=1, final=True), Endpoints(), plans)
        seconds, peak = time.perf_counter() - began, _memory()
    rows = labelled(count)
    rejected = {twin.slot for twin in found.rejected}
    wanted = {number for number, (_, kind) in enumerate(rows, 1) if method in KINDS.get(kind, ())}
    right = len(rejected & wanted)
    return {
        "precision": right / len(rejected) if rejected else 1.0, "recall": right / len(wanted) if wanted else 1.0,
        "rejected": len(rejected), "seconds": seconds, "before": before, "peak": peak,
    }  # fmt: skip


def _memory() -> float:
    """The most memory that this process has had, in MB."""
    return peak_mb()


def main() -> None:
    """Each method and size in a process of its own, so that the memory is its own."""
    if sys.argv[1:2] == ["write"]:
        method, count, endpoint, root = sys.argv[2:6]
        asyncio.run(written(method, int(count), endpoint, root))
        return
    if sys.argv[1:2] == ["one"]:
        method, count, endpoint = sys.argv[2:5]
        print(json.dumps(asyncio.run(measured(method, int(count), endpoint))))
        return
    sizes = SIZES[:1] if "--quick" in sys.argv[1:] else SIZES
    names = ("items", "rejected", "precision", "recall", "seconds", "peak MB", "plan MB")
    print(f"{'method':10}" + "".join(f"{name:>10}" for name in names))
    with SimulatorServer(Options()) as model:
        for method in METHODS:
            for count in sizes:
                command = [sys.executable, "-m", "benchmarks.duplicates", "one", method, str(count), model.base_url]
                ended = subprocess.run(command, capture_output=True, text=True, check=True)
                row = json.loads(ended.stdout)
                shown = [f"{count}", f"{row['rejected']}", f"{row['precision']:.3f}", f"{row['recall']:.3f}"]
                shown += [f"{row['seconds']:.1f}", f"{row['peak']:.0f}", f"{row['before']:.0f}"]
                print(f"{method:10}" + "".join(f"{value:>10}" for value in shown), flush=True)


if __name__ == "__main__":
    main()
