"""One look for twins over a store that was written by hand: who stays, whoever came first."""

import itertools
import json
import random
import string

import pytest

from activities.find_duplicates import deduplicate
from activities.model.endpoints import Endpoints
from activities.store import plan_file, signatures
from activities.store.object_store import Store
from activities.store.plan_file import Plans
from benchmarks.harness import ITEM
from quire.comparison_text import text_of
from quire.contracts import DeduplicateInput, Job
from quire.similarity import likeness
from tests.conftest import lay_out

TARGET, SIZE = 60, 4


def texts(source: random.Random) -> list[str]:
    """Texts of which some are the same but for a word."""
    words = ["".join(source.choices(string.ascii_lowercase, k=6)) for _ in range(400)]
    found = [" ".join(source.choices(words, k=50)) for _ in range(TARGET)]
    for index in range(0, TARGET, 4):
        of = found[source.randrange(TARGET)].split(" ")
        of[source.randrange(50)] = source.choice(words)
        found[index] = " ".join(of)
    return found


async def written(store: Store, method: str, items: list[str], order: list[int], **more: object) -> None:
    """A plan, and its batches in the order in which their calls came back."""
    inputs = {"item": ITEM, "instructions": "x", "prompt": "thing {{ index }}", "slots": {"count": TARGET}}
    said = {"recipe": "custom", "inputs": inputs, "duplicates": {"method": method, "fields": ["text"], **more}}
    await plan_file.write(store, lay_out(said))
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


def row(number: int, text: str, source: dict[str, object]) -> str:
    item = {"title": "t", "text": text, "value": 1}
    return json.dumps({"slot": number, "item": item, "provenance": source}) + "\n"


async def look(root: str, round_: int = 1, *, final: bool = False):
    return await deduplicate(
        DeduplicateInput(job=Job(workflow_id="w", store=root), round=round_, final=final), Endpoints(), Plans()
    )


async def test_the_same_answers_in_a_hundred_orders_give_the_same_outcome(tmp_path):
    items, outcomes = texts(random.Random(1)), set()
    for turn in range(100):
        order = list(range(TARGET // SIZE))
        random.Random(turn).shuffle(order)
        root = str(tmp_path / str(turn))
        await written(Store(root, "w"), "near", items, order)
        found = await look(root)
        stays = await Store(root, "w").get(signatures.key(1, 0))
        outcomes.add((found.model_dump_json(), stays))
    assert len(outcomes) == 1 and len(found.rejected) >= 5


@pytest.mark.parametrize("method", ["exact", "structural", "near"])
async def test_no_pair_at_or_above_the_threshold_stays(tmp_path, method):
    items = texts(random.Random(2))
    items[10] = items[3]
    items[20] = items[3] + " 12"
    items[30] = items[3] + " 99"
    await written(Store(str(tmp_path), "w"), method, items, list(range(TARGET // SIZE)))
    rejected = {twin.slot for twin in (await look(str(tmp_path))).rejected}
    compared = [text_of(method, {"text": text}, ["text"]) for text in items]
    stays = [number for number in range(1, TARGET + 1) if number not in rejected]
    for one, other in itertools.combinations(stays, 2):
        a, b = compared[one - 1], compared[other - 1]
        assert likeness(a, b) < 0.9 if method == "near" else a != b
    for number in rejected:
        earlier = [compared[n - 1] for n in stays if n < number]
        assert any(likeness(compared[number - 1], text) >= 0.9 for text in earlier)


async def test_what_stays_is_read_back_from_its_signatures_and_not_from_the_text(tmp_path):
    items = texts(random.Random(3))
    store = Store(str(tmp_path), "w")
    await written(store, "near", items, list(range(TARGET // SIZE)))
    first = await look(str(tmp_path))
    again = {"source": "model", "model": "m", "batch": "1.d1", "attempt": 1, "simulated": True}
    rows = [row(twin.slot, items[1], again) for twin in first.rejected]
    await store.put("batches/1.d1.jsonl", "".join(rows).encode())
    second = await look(str(tmp_path), 2)
    assert [twin.slot for twin in second.rejected] == [twin.slot for twin in first.rejected]
    assert second.looked_at == len(first.rejected), "only what was made since is in question"


async def test_a_file_from_outside_keeps_its_items_out(tmp_path):
    items = texts(random.Random(4))
    file = tmp_path / "known.jsonl"
    file.write_text(json.dumps({"text": items[4]}) + "\n" + json.dumps({"text": items[8] + " and more"}) + "\n")
    store = Store(str(tmp_path), "w")
    await store.put("inputs/known.jsonl", file.read_bytes())
    await written(store, "near", items, list(range(TARGET // SIZE)), against=[str(file)])
    plan = (await store.get("plan.jsonl") or b"").replace(str(file).encode(), b"store:inputs/known.jsonl")
    await store.put("plan.jsonl", plan)
    found = {twin.slot: twin.of for twin in (await look(str(tmp_path))).rejected}
    assert found[5] == "known.jsonl:1" and found[9] == "known.jsonl:2"


async def test_the_least_similar_candidate_is_kept_when_that_is_asked_for(tmp_path):
    items = texts(random.Random(5))
    items[7] = items[2]
    store = Store(str(tmp_path), "w")
    await written(store, "near", items, list(range(TARGET // SIZE)), keep_last=True)
    found = await look(str(tmp_path), final=True)
    assert 8 in found.kept and not found.rejected
