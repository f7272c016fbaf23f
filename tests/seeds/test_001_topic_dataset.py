"""Seed 001, walked down: unique topics, cycles, (uuid, cycle), concurrency, trees and graphs, events, configuration."""

import json
import uuid

import pytest

from quire.progress import Group, Progress, cycle_line, line
from recipes.base.recipe import InputError
from recipes.topics import topic_tree
from runtime.errors import SetupError
from simulator.options import Options
from tests.conftest import ROOT, example, lay_out, lines, made, said_to

TREE = "topics/distributed_systems.jsonl"
GRAPH = ROOT / "examples" / "topics" / "observability_graph.json"


def tree(count: int) -> str:
    return "".join(
        json.dumps({"path": ["Root", f"Topic {n}"], "leaf_uuid": str(uuid.UUID(int=n))}) + "\n" for n in range(count)
    )


def plan(path, **said):
    return lay_out({"recipe": "topic_dataset", "inputs": {"topics": str(path)}, **said})


def test_unique_topics_are_deduplicated_by_uuid(tmp_path):
    file = tmp_path / "tree.jsonl"
    file.write_text(tree(3) + tree(2))
    laid = plan(file)
    assert [slot.data["uuid"] for slot in laid.slots] == [str(uuid.UUID(int=n)) for n in range(3)]
    assert laid.recipe.expected() == {"unique topics": 3, "duplicates by UUID": 2, "cycles": 1, "last cycle": 3}
    assert "2 topics have a UUID that is there already" in laid.warnings[0]


def test_a_graph_node_that_several_paths_reach_is_one_topic():
    found = topic_tree.read(GRAPH.read_text(), "inputs.topics", "graph.json").unique
    names = [topic.path[-1] for topic in found]
    assert sorted(names) == sorted(
        ["Structured fields", "Sampling", "Cardinality", "Histograms", "Context propagation", "Exemplars"]
    )
    sampling = next(topic for topic in found if topic.path[-1] == "Sampling")
    assert sampling.path == ("Observability", "Logs", "Sampling")


def test_a_graph_that_runs_in_a_circle_ends():
    nodes = [
        {"id": 1, "topic": "root", "children": [2]},
        {"id": 2, "topic": "a", "children": [3, 4]},
        {"id": 3, "topic": "b", "children": [2]},
        {"id": 4, "topic": "leaf", "metadata": {"uuid": str(uuid.UUID(int=4))}},
    ]
    found = topic_tree.read(json.dumps({"nodes": nodes}), "inputs.topics", "graph.json").unique
    assert [topic.path for topic in found] == [("root", "a", "leaf")]


@pytest.mark.parametrize(
    ("target", "cycles"),
    [(5000, [1875, 1875, 1250]), (3750, [1875, 1875]), (1875, [1875]), (1, [1]), (1876, [1875, 1])],
)
def test_cycles_needed_and_the_partial_last_one(tmp_path, target, cycles):
    file = tmp_path / "tree.jsonl"
    file.write_text(tree(1875))
    laid = plan(file, target=target)
    assert [group.target for group in laid.groups] == cycles
    assert len({(slot.data["uuid"], slot.data["cycle"]) for slot in laid.slots}) == target
    assert laid.recipe.expected()["last cycle"] == cycles[-1]


def test_progress_reads_as_in_the_document():
    groups = [
        Group(name="1", target=1875, items=1875, ended_at=1875),
        Group(name="2", target=1875, items=1875, ended_at=3750),
        Group(name="3", target=1250),
    ]
    assert cycle_line(groups, 1, 3750) == "Cycle 2/3: +1875 samples (total 3750/5000)"
    shown = Progress(workflow_id="x", recipe="y", stage="generating", group_word="Cycle", groups=groups, items=3750)
    assert line(shown) == "Cycle 2/3: +1875 samples (total 3750/5000)"


def test_an_existing_tree_without_leaf_uuid_is_an_error_that_names_the_line_and_the_remedy(tmp_path):
    file = tmp_path / "old.jsonl"
    file.write_text(tree(1) + '{"path": ["Root", "New"]}\n')
    with pytest.raises(SetupError, match=r"old\.jsonl:2: `leaf_uuid` is missing; .*topics stamp"):
        plan(file)


def test_stamping_gives_uuids_once_and_they_stay(tmp_path):
    text, count = topic_tree.stamped(tree(1) + '{"path": ["Root", "New"], "note": "kept"}\n', "old.jsonl")
    assert count == 1 and '"note": "kept"' in text
    again, none = topic_tree.stamped(text, "old.jsonl")
    assert none == 0 and again == text
    assert topic_tree.read(text, "f", "d").unique[0].uuid == str(uuid.UUID(int=0))


@pytest.mark.parametrize(
    ("line_", "said"),
    [
        ("nonsense", "tree.jsonl:2: not JSON"),
        ('{"path": [], "leaf_uuid": "x"}', "tree.jsonl:2: `path` is a list"),
        ('{"path": ["a"], "leaf_uuid": "x"}', "tree.jsonl:2: `leaf_uuid` 'x' is not a UUID"),
        ("[1]", "tree.jsonl:2: a line is"),
    ],
)
def test_a_broken_tree_names_its_line(line_, said):
    with pytest.raises(InputError, match=said.replace("[", r"\[")):
        topic_tree.read(tree(1) + line_ + "\n", "inputs.topics", "tree.jsonl")


async def test_every_topic_gets_one_sample_a_cycle_in_the_chat_form(client, simulator, tmp_path):
    result = await made(client, example("topic_dataset", tmp_path), "topics-exact")
    assert (result.verdict, result.items) == ("complete", 120)
    rows = lines(tmp_path, "topics-exact")
    assert len({(row["metadata"]["uuid"], row["metadata"]["cycle"]) for row in rows}) == 120
    assert [message["role"] for message in rows[0]["messages"]] == ["system", "user", "assistant"]
    assert rows[0]["metadata"]["path"][0] == "Distributed systems" and rows[47]["metadata"]["cycle"] == 1
    assert [group.model_dump(include={"name", "items"}) for group in result.groups] == [
        {"name": "1", "items": 48},
        {"name": "2", "items": 48},
        {"name": "3", "items": 24},
    ]
    told = [group.ended_at for group in result.groups]  # what cycle_complete told: cycles may end in any order
    assert max(ended or 0 for ended in told) == 120
    assert all((group.ended_at or 0) >= group.items for group in result.groups)


async def test_the_whole_path_is_in_the_prompt_and_from_cycle_2_what_the_topic_has(client, simulator, tmp_path):
    simulator.simulator.options = Options(record=True)
    await made(client, example("topic_dataset", tmp_path, target=96), "topics-prompts")
    path = "Distributed systems > Consensus > Raft > Log matching"
    first, second = [prompt for prompt in said_to(simulator) if path in prompt]
    assert "already have" not in first and "sample 2 of this topic" in second
    earlier = next(row for row in lines(tmp_path, "topics-prompts") if row["metadata"]["topic"] == "Log matching")
    assert earlier["messages"][1]["content"] in second
    assert second.count("\n- ") == 1, "only its own topic's samples"


async def test_concurrency_is_the_bound_on_calls_in_flight(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.05)
    request = example("topic_dataset", tmp_path, batching={"concurrency": 6}, target=48)
    await made(client, request, "topics-width")
    assert simulator.stats()["max_in_flight"] == 6


def test_batch_size_is_an_alias_of_concurrency_with_a_note():
    laid = lay_out({"recipe": "topic_dataset", "inputs": {"topics": TREE}, "batching": {"batch_size": 3}})
    assert laid.request.batching.concurrency == 3 and set(laid.sizes) == {1}
    assert laid.warnings == ["batching.batch_size is taken as batching.concurrency"]


def test_several_slots_may_share_a_call_and_lanes_still_follow_topics():
    laid = lay_out({"recipe": "topic_dataset", "inputs": {"topics": TREE}, "target": 120, "batching": {"size": 10}})
    assert laid.sizes == [10, 10, 10, 10, 8] * 2 + [10, 10, 4]
    assert laid.after == [0] * 5 + [1, 2, 3, 4, 5] + [6, 7, 8]


async def test_the_folder_is_what_load_dataset_reads(client, simulator, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    await made(client, example("topic_dataset", tmp_path, target=50), "topics-hf")
    import datasets

    loaded = datasets.load_dataset(str(tmp_path / "topics-hf" / "dataset"), split="train", cache_dir=tmp_path / "cache")
    assert loaded.num_rows == 50 and loaded[49]["metadata"]["cycle"] == 2
    assert loaded[0]["messages"][1]["role"] == "user"


async def test_a_tree_is_built_with_the_model_and_its_uuids_stay(client, simulator, tmp_path):
    request = {
        "recipe": "topic_tree",
        "inputs": {"topic": "Chess", "depth": 3, "degree": 3},
        "output": {"store": str(tmp_path)},
    }
    from quire.request import Request

    simulator.simulator.options = Options(bad_json=0.2, record=True)
    result = await made(client, Request.model_validate(request), "tree")
    assert (result.verdict, result.items) == ("complete", 13)
    text = (tmp_path / "tree" / "artifact.jsonl").read_text()
    leaves = topic_tree.read(text, "inputs.topics", "artifact.jsonl").unique
    assert len(leaves) == 27 and {len(leaf.path) for leaf in leaves} == {4}
    assert any(" of Chess > " in prompt for prompt in said_to(simulator))
