"""Precision, recall, time and memory of each duplicate method: `uv run python -m benchmarks.duplicates [--quick]`.

The labelled texts are originals and, for some of them, a duplicate of one kind. `KINDS` says which methods should
reject it; whatever else they reject is wrong. The vectors are the simulator's, made from words: they know no synonyms,
so the row of `semantic` measures the search and not a model.
"""

import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from typing import Any

from activities.find_duplicates import find_duplicates
from activities.model.endpoints import Endpoints
from activities.store import plan_file
from activities.store.object_store import Store
from activities.store.plan_file import PlanCache
from quire.contracts import DeduplicateInput, Job
from recipes.planning import build_plan
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.support.memory import peak_mb
from tests.support.requests import things_request

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
"""The share of each kind among all items."""


def _make_text(source: random.Random, words: list[str]) -> str:
    return " ".join([*source.choices(words, k=44), f"with value {source.randint(1, 999)} of {source.randint(1, 999)}"])


def make_labelled_texts(count: int) -> list[tuple[str, str]]:
    """Return texts, each with its kind; `original` resembles no other. A duplicate comes after its original."""
    source = random.Random(7)
    words = ["".join(source.choices("abcdefghijklmnopqrstuvwxyz", k=source.randint(4, 9))) for _ in range(5_000)]
    rows: list[tuple[str, str]] = []
    while len(rows) < count:
        draw, text = source.random(), _make_text(source, words)
        kinds = list(KINDS)
        kind = kinds[int(draw / SHARE)] if draw < SHARE * len(kinds) else "original"
        if kind == "templated, other":
            text = f"verify that the {source.choice(words)} of the {source.choice(words)} shall {text[:160]}"
        elif kind != "original":
            original = next((t for t, k in reversed(rows) if k == "original"), None)
            if original is None:
                kind = "original"
            else:
                text = _make_duplicate(original, kind, source, words)
        rows.append((text, kind))
    return rows


def _make_duplicate(original: str, kind: str, source: random.Random, words: list[str]) -> str:
    parts = original.split(" ")
    if kind == "other numbers":
        return " ".join(str(source.randint(1000, 9999)) if part.isdigit() else part for part in parts)
    if kind == "a word changed":
        parts[source.randrange(44)] = source.choice(words)
    elif kind == "words reordered":
        source.shuffle(parts)
    return " ".join(parts)


async def write_plan_and_items(method: str, count: int, endpoint: str, root: str) -> None:
    """Write a plan and its batches as a run would have left them."""
    store, rows = Store(root, "b"), make_labelled_texts(count)
    request = things_request(
        root,
        count,
        duplicates={"method": method, "fields": ["text"]},
        model={"name": "m", "base_url": endpoint},
        batching={"size": ITEMS_A_BATCH},
    )
    await plan_file.write_plan(store, build_plan(request, {}, {}))
    for start in range(0, count, ITEMS_A_BATCH):
        lines = [
            json.dumps({"slot": number, "item": {"text": text}, "provenance": {}})
            for number, (text, _) in enumerate(rows[start : start + ITEMS_A_BATCH], start + 1)
        ]
        await store.put(f"batches/{start // ITEMS_A_BATCH + 1}.jsonl", ("\n".join(lines) + "\n").encode())


async def measure(method: str, count: int, endpoint: str) -> dict[str, Any]:
    """Search a store on disk for duplicates once; return the figures."""
    with tempfile.TemporaryDirectory() as root:
        job = Job(workflow_id="b", store=root)
        subprocess.run(
            [sys.executable, "-m", "benchmarks.duplicates", "write", method, str(count), endpoint, root], check=True
        )
        plans = PlanCache()
        await plans.open_plan(job)
        before, started = _peak_mb(), time.perf_counter()
        result = await find_duplicates(DeduplicateInput(job=job, round=1, final=True), Endpoints(), plans)
        seconds, peak = time.perf_counter() - started, _peak_mb()
    rows = make_labelled_texts(count)
    rejected = {duplicate.slot for duplicate in result.rejected}
    expected = {number for number, (_, kind) in enumerate(rows, 1) if method in KINDS.get(kind, ())}
    right = len(rejected & expected)
    return {
        "precision": right / len(rejected) if rejected else 1.0, "recall": right / len(expected) if expected else 1.0,
        "rejected": len(rejected), "seconds": seconds, "before": before, "peak": peak,
    }  # fmt: skip


def _peak_mb() -> float:
    """Return the most memory that this process has had, in MB."""
    return peak_mb()


def main() -> None:
    """Measure each method and size in its own process, so that its memory is its own."""
    if sys.argv[1:2] == ["write"]:
        method, count, endpoint, root = sys.argv[2:6]
        asyncio.run(write_plan_and_items(method, int(count), endpoint, root))
        return
    if sys.argv[1:2] == ["one"]:
        method, count, endpoint = sys.argv[2:5]
        print(json.dumps(asyncio.run(measure(method, int(count), endpoint))))
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
                cells = [f"{count}", f"{row['rejected']}", f"{row['precision']:.3f}", f"{row['recall']:.3f}"]
                cells += [f"{row['seconds']:.1f}", f"{row['peak']:.0f}", f"{row['before']:.0f}"]
                print(f"{method:10}" + "".join(f"{value:>10}" for value in cells), flush=True)


if __name__ == "__main__":
    main()
