"""Twins across batches are found and their slots refilled, exactly to the count."""

import itertools
import json

import pytest

from quire.comparison_text import text_of
from quire.similarity import likeness
from runtime.worker.host import hosted
from simulator.options import Options
from simulator.pseudo_embeddings import vector
from simulator.server import SimulatorServer
from tests.conftest import lines, made
from tests.workflows.test_endpoint import exact, things
from tests.workflows.test_steering import begun, until

TWISTS = {"exact": "none", "structural": "numbers", "near": "word", "semantic": "order"}
"""What differs between the simulator's repeats, so that this method has to find them."""


def like(method: str, one: str, other: str) -> bool:
    if method == "near":
        return likeness(one, other) >= 0.9
    if method == "semantic":
        return sum(a * b for a, b in zip(vector(one, 256), vector(other, 256), strict=True)) >= 0.92 + 1e-3
    return one == other


@pytest.mark.parametrize("method", TWISTS)
async def test_thirty_per_cent_twins_are_refilled_to_the_count_with_no_pair_left(client, simulator, tmp_path, method):
    simulator.simulator.options = Options(duplicates=0.3, twist=TWISTS[method])
    duplicates = {"method": method, "fields": ["text"], "rounds": 12}
    name = f"twins-{method}"
    result = await made(client, things(tmp_path, 60, duplicates=duplicates), name)
    exact(tmp_path, name, result, 60)
    assert result.duplicates_rejected >= 3 and result.duplicates_method == method
    assert sum(result.duplicates_by_round) == result.duplicates_rejected and result.duplicates_by_round[-1] == 0
    texts = [text_of(method, item, ["text"]) for item in lines(tmp_path, name)]
    assert not [pair for pair in itertools.combinations(texts, 2) if like(method, *pair)]
    report = json.loads((tmp_path / name / "report.json").read_text())
    assert report["diversity"][0]["distinct"] == 1.0 and report["diversity"][0]["items"] == 60


async def test_ten_different_items_for_all_end_partial_with_every_slot_explained(client, simulator, tmp_path):
    simulator.simulator.options = Options(duplicates=1.0)
    duplicates = {"method": "exact", "fields": ["text"], "rounds": 2}
    result = await made(client, things(tmp_path, 40, duplicates=duplicates), "only-ten")
    assert result.verdict == "partial" and result.items <= 10 and len(result.duplicates_by_round) == 3
    assert result.items + result.failed_total == 40
    assert all(slot.reason.startswith("duplicate: of ") for slot in result.failed_slots)
    assert any("were duplicates at first" in warning for warning in result.warnings)
    ledger = [json.loads(row) for row in (tmp_path / "only-ten" / "ledger.jsonl").read_text().splitlines()]
    missing = next(row for row in ledger if row["verdict"] == "failed")
    assert len(missing["duplicate_of"]) == 3 and missing["duplicate_of"][0]["of"]


async def test_the_least_similar_candidate_stays_and_says_so(client, simulator, tmp_path):
    simulator.simulator.options = Options(duplicates=1.0)
    duplicates = {"method": "exact", "fields": ["text"], "rounds": 1, "keep_last": True}
    result = await made(client, things(tmp_path, 20, duplicates=duplicates), "kept")
    assert (result.verdict, result.items) == ("complete", 20)
    assert any("keep_last" in warning for warning in result.warnings)
    marked = [item for item in lines(tmp_path, "kept") if "duplicate_of" in item["provenance"]]
    assert len(marked) >= 10 and all(item["provenance"]["likeness"] == 1.0 for item in marked)


async def test_an_earlier_run_is_kept_out(client, simulator, tmp_path):
    from runtime.errors import SetupError

    simulator.simulator.options = Options(duplicates=1.0)
    first = {"method": "exact", "fields": ["text"], "rounds": 0}
    await made(client, things(tmp_path, 20, duplicates=first), "earlier")
    known = {item["text"] for item in lines(tmp_path, "earlier")}
    simulator.simulator.options = Options(duplicates=0.5)
    request = things(tmp_path, 21, duplicates={**first, "rounds": 8, "against": ["earlier"]})
    result = await made(client, request, "later")
    exact(tmp_path, "later", result, 21)
    assert result.duplicates_rejected > 0 and not known & {item["text"] for item in lines(tmp_path, "later")}
    with pytest.raises(SetupError, match=r"duplicates\.against\.0: 'nothing' is neither a file nor a run"):
        things(tmp_path, duplicates={"method": "exact", "against": ["nothing"]})


async def test_a_worker_killed_during_a_round_changes_nothing(client, simulator, tmp_path, monkeypatch):
    """The activity is cut short once it has begun to write, and made again by another worker."""
    from activities.store import signatures

    simulator.simulator.options = Options(duplicates=0.3)
    duplicates = {"method": "near", "fields": ["text"], "rounds": 12}
    whole = await made(client, things(tmp_path, 40, duplicates=duplicates, reuse=False), "whole")
    write, died = signatures.write, set()

    async def cut(store, round_, part, entries) -> None:
        await write(store, round_, part, entries)
        if round_ not in died:
            died.add(round_)
            raise ConnectionError("the worker died here")

    monkeypatch.setattr(signatures, "write", cut)
    broken = await made(client, things(tmp_path, 40, duplicates=duplicates, reuse=False), "broken")
    assert broken.duplicates_by_round == whole.duplicates_by_round and len(died) > 2
    texts = [[item["text"] for item in lines(tmp_path, name)] for name in ("whole", "broken")]
    assert texts[0] == texts[1]


async def test_vectors_that_cannot_be_had_make_the_run_wait_and_lose_nothing(client, simulator, tmp_path):
    with SimulatorServer(Options(api_key="right")) as other:
        duplicates = {"method": "semantic", "embedding": {"base_url": other.base_url}}
        async with hosted(client):
            handle = await begun(client, things(tmp_path, 10, duplicates=duplicates), "no-vectors")
            waiting = await until(handle, lambda p: p.waits_for == "repair")
            assert waiting.items == 10 and "refused the API key" in waiting.why
            other.simulator.options = Options()
            await handle.signal("resume")
            exact(tmp_path, "no-vectors", await handle.result(), 10)
        assert other.stats()["embedded"] == 10


async def test_outcomes_do_not_depend_on_which_call_came_back_first(client, simulator, tmp_path):
    duplicates = {"method": "near", "fields": ["text"], "rounds": 12}
    found = set()
    for turn in range(3):
        simulator.simulator.options = Options(duplicates=0.3, tokens_per_second=4000 * (turn + 1))
        request = things(
            tmp_path, 40, duplicates=duplicates, reuse=False, batching={"size": 5, "concurrency": 3 + turn}
        )
        await made(client, request, f"order-{turn}")
        found.add((tmp_path / f"order-{turn}" / "artifact.jsonl").read_bytes())
    assert len(found) == 1, "the same answers give the same artifact, byte for byte"
