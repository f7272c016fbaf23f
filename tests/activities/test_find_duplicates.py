"""One search for duplicates in a store written by hand: which items are kept does not depend on arrival."""

import itertools
import json
import random
import string

import pytest

from activities.find_duplicates import find_duplicates
from activities.model.endpoints import Endpoints
from activities.store import plan_file
from activities.store.object_store import Store
from activities.store.plan_file import PlanCache
from quire.comparison_text import build_comparison_text
from quire.contracts import DeduplicateInput, Job
from quire.similarity import compute_similarity
from tests.support.requests import THING, lay_out_plan

TARGET, SIZE = 60, 4


def make_texts(source: random.Random) -> list[str]:
    """Return texts of which some differ from another in one word only."""
    words = ["".join(source.choices(string.ascii_lowercase, k=6)) for _ in range(400)]
    result = [" ".join(source.choices(words, k=50)) for _ in range(TARGET)]
    for index in range(0, TARGET, 4):
        words_of_text = result[source.randrange(TARGET)].split(" ")
        words_of_text[source.randrange(50)] = source.choice(words)
        result[index] = " ".join(words_of_text)
    return result


async def write_plan_and_batches(store: Store, method: str, items: list[str], order: list[int], **more: object) -> None:
    """Write a plan and its batches, in the order in which their calls returned."""
    inputs = {"item": THING, "instructions": "x", "prompt": "thing {{ index }}", "slots": {"count": TARGET}}
    fields = {"recipe": "custom", "inputs": inputs, "duplicates": {"method": method, "fields": ["text"], **more}}
    await plan_file.write_plan(store, lay_out_plan(fields))
    for batch in order:
        numbers = range(batch * SIZE + 1, batch * SIZE + SIZE + 1)
        source = {"source": "model", "model": "m", "batch": str(batch + 1), "attempt": 1, "simulated": True}
        rows = [
            json.dumps(
                {"slot": number, "item": {"title": "t", "text": items[number - 1], "value": 1}, "provenance": source}
            )
            for number in numbers
        ]
        await store.put(f"batches/{batch + 1}.jsonl", ("\n".join(rows) + "\n").encode())


def encode_row(number: int, text: str, source: dict[str, object]) -> str:
    item = {"title": "t", "text": text, "value": 1}
    return json.dumps({"slot": number, "item": item, "provenance": source}) + "\n"


async def search(root: str, round_: int = 1, *, final: bool = False):
    return await find_duplicates(
        DeduplicateInput(job=Job(workflow_id="w", store=root), round=round_, final=final), Endpoints(), PlanCache()
    )


async def test_a_hundred_orders_of_the_same_answers_give_one_outcome(tmp_path):
    items, outcomes = make_texts(random.Random(1)), set()
    for turn in range(100):
        order = list(range(TARGET // SIZE))
        random.Random(turn).shuffle(order)
        root = str(tmp_path / str(turn))
        await write_plan_and_batches(Store(root, "w"), "near", items, order)
        result = await search(root)
        stays = await Store(root, "w").get("duplicates/stays-1/00000.bin")
        outcomes.add((result.model_dump_json(), stays))
    assert len(outcomes) == 1 and len(result.rejected) >= 5


@pytest.mark.parametrize("method", ["exact", "structural", "near"])
async def test_no_pair_at_or_above_the_threshold_is_kept(tmp_path, method):
    items = make_texts(random.Random(2))
    items[10] = items[3]
    items[20] = items[3] + " 12"
    items[30] = items[3] + " 99"
    await write_plan_and_batches(Store(str(tmp_path), "w"), method, items, list(range(TARGET // SIZE)))
    rejected = {duplicate.slot for duplicate in (await search(str(tmp_path))).rejected}
    compared = [build_comparison_text(method, {"text": text}, ["text"]) for text in items]
    stays = [number for number in range(1, TARGET + 1) if number not in rejected]
    for one, other in itertools.combinations(stays, 2):
        a, b = compared[one - 1], compared[other - 1]
        assert compute_similarity(a, b) < 0.9 if method == "near" else a != b
    for number in rejected:
        earlier = [compared[n - 1] for n in stays if n < number]
        assert any(compute_similarity(compared[number - 1], text) >= 0.9 for text in earlier)


async def test_later_rounds_compare_with_stored_signatures_and_not_with_text(tmp_path):
    items = make_texts(random.Random(3))
    store = Store(str(tmp_path), "w")
    await write_plan_and_batches(store, "near", items, list(range(TARGET // SIZE)))
    first = await search(str(tmp_path))
    provenance = {"source": "model", "model": "m", "batch": "1.d1", "attempt": 1, "simulated": True}
    rows = [encode_row(duplicate.slot, items[1], provenance) for duplicate in first.rejected]
    await store.put("batches/1.d1.jsonl", "".join(rows).encode())
    second = await search(str(tmp_path), 2)
    assert [duplicate.slot for duplicate in second.rejected] == [duplicate.slot for duplicate in first.rejected]
    assert second.items_compared == len(first.rejected), "only what was made since is in question"


async def test_items_of_a_file_in_against_are_rejected(tmp_path):
    items = make_texts(random.Random(4))
    file = tmp_path / "known.jsonl"
    file.write_text(json.dumps({"text": items[4]}) + "\n" + json.dumps({"text": items[8] + " and more"}) + "\n")
    store = Store(str(tmp_path), "w")
    await store.put("inputs/known.jsonl", file.read_bytes())
    await write_plan_and_batches(store, "near", items, list(range(TARGET // SIZE)), against=[str(file)])
    plan = (await store.get("plan.jsonl") or b"").replace(str(file).encode(), b"store:inputs/known.jsonl")
    await store.put("plan.jsonl", plan)
    originals = {duplicate.slot: duplicate.of for duplicate in (await search(str(tmp_path))).rejected}
    assert originals[5] == "known.jsonl:1" and originals[9] == "known.jsonl:2"


async def test_keep_last_keeps_the_least_similar_candidate(tmp_path):
    items = make_texts(random.Random(5))
    items[7] = items[2]
    store = Store(str(tmp_path), "w")
    await write_plan_and_batches(store, "near", items, list(range(TARGET // SIZE)), keep_last=True)
    result = await search(str(tmp_path), final=True)
    assert 8 in result.kept_duplicates and not result.rejected
