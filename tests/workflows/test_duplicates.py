"""Duplicates across batches are found and replaced, exactly to the count."""

import itertools
import json

import pytest

from quire.comparison_text import build_comparison_text
from quire.similarity import compute_similarity
from simulator.options import Options
from simulator.pseudo_embeddings import embed_text
from simulator.server import SimulatorServer
from tests.support.requests import batched_things_request
from tests.support.runs import assert_complete, read_items, run_to_end, start_run, wait_for_progress
from tests.support.workers import run_worker

TWISTS = {"exact": "none", "structural": "numbers", "near": "word", "semantic": "order"}
"""What the simulator changes in its repeats, so that each method has something to find."""


def is_duplicate(method: str, first: str, other: str) -> bool:
    if method == "near":
        return compute_similarity(first, other) >= 0.9
    if method == "semantic":
        return sum(a * b for a, b in zip(embed_text(first, 256), embed_text(other, 256), strict=True)) >= 0.92 + 1e-3
    return first == other


@pytest.mark.parametrize("method", TWISTS)
async def test_thirty_per_cent_duplicates_are_replaced_until_no_pair_is_left(client, simulator, tmp_path, method):
    simulator.simulator.options = Options(duplicates=0.3, twist=TWISTS[method])
    duplicates = {"method": method, "fields": ["text"], "rounds": 12}
    name = f"duplicates-{method}"
    result = await run_to_end(client, batched_things_request(tmp_path, 60, duplicates=duplicates), name)
    assert_complete(tmp_path, name, result, 60)
    assert result.duplicates_rejected >= 3 and result.duplicates_method == method
    assert sum(result.duplicates_by_round) == result.duplicates_rejected and result.duplicates_by_round[-1] == 0
    texts = [build_comparison_text(method, item, ["text"]) for item in read_items(tmp_path, name)]
    assert not [pair for pair in itertools.combinations(texts, 2) if is_duplicate(method, *pair)]
    report = json.loads((tmp_path / name / "report.json").read_text())
    assert report["diversity"][0]["distinct"] == 1.0 and report["diversity"][0]["items"] == 60


async def test_a_model_with_only_ten_different_items_ends_partial_with_every_slot_explained(
    client, simulator, tmp_path
):
    simulator.simulator.options = Options(duplicates=1.0)
    duplicates = {"method": "exact", "fields": ["text"], "rounds": 2}
    result = await run_to_end(client, batched_things_request(tmp_path, 40, duplicates=duplicates), "only-ten")
    assert result.verdict == "partial" and result.items <= 10 and len(result.duplicates_by_round) == 3
    assert result.items + result.failed_total == 40
    assert all(slot.reason.startswith("duplicate: of ") for slot in result.failed_slots)
    assert any("were duplicates at first" in warning for warning in result.warnings)
    ledger = [json.loads(row) for row in (tmp_path / "only-ten" / "ledger.jsonl").read_text().splitlines()]
    missing = next(row for row in ledger if row["verdict"] == "failed")
    assert len(missing["duplicate_of"]) == 3 and missing["duplicate_of"][0]["of"]


async def test_keep_last_keeps_the_least_similar_candidate_and_marks_it(client, simulator, tmp_path):
    simulator.simulator.options = Options(duplicates=1.0)
    duplicates = {"method": "exact", "fields": ["text"], "rounds": 1, "keep_last": True}
    result = await run_to_end(client, batched_things_request(tmp_path, 20, duplicates=duplicates), "kept")
    assert (result.verdict, result.items) == ("complete", 20)
    assert any("keep_last" in warning for warning in result.warnings)
    marked = [item for item in read_items(tmp_path, "kept") if "duplicate_of" in item["provenance"]]
    assert len(marked) >= 10 and all(item["provenance"]["likeness"] == 1.0 for item in marked)


async def test_items_of_an_earlier_run_are_not_repeated(client, simulator, tmp_path):
    from runtime.errors import SetupError

    simulator.simulator.options = Options(duplicates=1.0)
    first = {"method": "exact", "fields": ["text"], "rounds": 0}
    await run_to_end(client, batched_things_request(tmp_path, 20, duplicates=first), "earlier")
    earlier_texts = {item["text"] for item in read_items(tmp_path, "earlier")}
    simulator.simulator.options = Options(duplicates=0.5)
    request = batched_things_request(tmp_path, 21, duplicates={**first, "rounds": 8, "against": ["earlier"]})
    result = await run_to_end(client, request, "later")
    assert_complete(tmp_path, "later", result, 21)
    assert result.duplicates_rejected > 0 and not earlier_texts & {
        item["text"] for item in read_items(tmp_path, "later")
    }
    with pytest.raises(SetupError, match=r"duplicates\.against\.0: 'nothing' is neither a file nor a run"):
        batched_things_request(tmp_path, duplicates={"method": "exact", "against": ["nothing"]})


async def test_a_worker_killed_during_a_duplicate_round_changes_no_outcome(client, simulator, tmp_path, monkeypatch):
    """The activity fails after its first write, and another worker repeats it."""
    from activities import find_duplicates

    simulator.simulator.options = Options(duplicates=0.3)
    duplicates = {"method": "near", "fields": ["text"], "rounds": 12}
    unbroken = await run_to_end(
        client, batched_things_request(tmp_path, 40, duplicates=duplicates, reuse=False), "whole"
    )
    write, died = find_duplicates.write_signatures, set()

    async def cut(store, round_, part, entries) -> None:
        await write(store, round_, part, entries)
        if round_ not in died:
            died.add(round_)
            raise ConnectionError("the worker died here")

    monkeypatch.setattr(find_duplicates, "write_signatures", cut)
    broken = await run_to_end(
        client, batched_things_request(tmp_path, 40, duplicates=duplicates, reuse=False), "broken"
    )
    assert broken.duplicates_by_round == unbroken.duplicates_by_round and len(died) > 2
    texts = [[item["text"] for item in read_items(tmp_path, name)] for name in ("whole", "broken")]
    assert texts[0] == texts[1]


async def test_an_unreachable_embedding_endpoint_pauses_the_run(client, simulator, tmp_path):
    with SimulatorServer(Options(api_key="right")) as other:
        duplicates = {"method": "semantic", "embedding": {"base_url": other.base_url}}
        async with run_worker(client):
            handle = await start_run(client, batched_things_request(tmp_path, 10, duplicates=duplicates), "no-vectors")
            waiting = await wait_for_progress(handle, lambda p: p.waits_for == "repair")
            assert waiting.items == 10 and "refused the API key" in waiting.why
            other.simulator.options = Options()
            await handle.signal("resume")
            assert_complete(tmp_path, "no-vectors", await handle.result(), 10)
        assert other.stats()["embedded"] == 10


async def test_outcomes_do_not_depend_on_the_order_of_answers(client, simulator, tmp_path):
    duplicates = {"method": "near", "fields": ["text"], "rounds": 12}
    artifacts = set()
    for turn in range(3):
        simulator.simulator.options = Options(duplicates=0.3, tokens_per_second=4000 * (turn + 1))
        request = batched_things_request(
            tmp_path, 40, duplicates=duplicates, reuse=False, batching={"size": 5, "concurrency": 3 + turn}
        )
        await run_to_end(client, request, f"order-{turn}")
        artifacts.add((tmp_path / f"order-{turn}" / "artifact.jsonl").read_bytes())
    assert len(artifacts) == 1, "the same answers give the same artifact, byte for byte"
