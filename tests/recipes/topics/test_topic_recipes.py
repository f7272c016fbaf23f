"""The topic recipes: unique topics, cycles, concurrency, trees and graphs, and a tree built by a model."""

import json
import uuid

import pytest

from quire.progress import Group, Progress, format_cycle_line, format_progress_line
from recipes.base.recipe import InputError
from recipes.topics import topic_tree
from runtime.errors import SetupError
from runtime.paths import ROOT
from simulator.options import Options
from tests.support.requests import example_request, lay_out_plan
from tests.support.runs import get_prompts, read_items, run_to_end

TREE = "topics/distributed_systems.jsonl"
GRAPH = ROOT / "examples" / "topics" / "observability_graph.json"


def make_tree(count: int) -> str:
    return "".join(
        json.dumps({"path": ["Root", f"Topic {n}"], "leaf_uuid": str(uuid.UUID(int=n))}) + "\n" for n in range(count)
    )


def make_plan(path, **changes):
    return lay_out_plan({"recipe": "topic_dataset", "inputs": {"topics": str(path)}, **changes})


def test_unique_topics_are_deduplicated_by_uuid(tmp_path):
    file = tmp_path / "tree.jsonl"
    file.write_text(make_tree(3) + make_tree(2))
    plan = make_plan(file)
    assert [slot.data["uuid"] for slot in plan.slots] == [str(uuid.UUID(int=n)) for n in range(3)]
    assert plan.recipe.plan_facts() == {"unique topics": 3, "duplicates by UUID": 2, "cycles": 1, "last cycle": 3}
    assert "2 topics have the UUID of an earlier topic" in plan.warnings[0]


def test_a_graph_node_that_several_paths_reach_is_one_topic():
    topics = topic_tree.read_topics(GRAPH.read_text(), "inputs.topics", "graph.json").unique
    names = [topic.path[-1] for topic in topics]
    assert sorted(names) == sorted(
        ["Structured fields", "Sampling", "Cardinality", "Histograms", "Context propagation", "Exemplars"]
    )
    sampling = next(topic for topic in topics if topic.path[-1] == "Sampling")
    assert sampling.path == ("Observability", "Logs", "Sampling")


def test_a_topic_graph_with_a_cycle_ends():
    nodes = [
        {"id": 1, "topic": "root", "children": [2]},
        {"id": 2, "topic": "a", "children": [3, 4]},
        {"id": 3, "topic": "b", "children": [2]},
        {"id": 4, "topic": "leaf", "metadata": {"uuid": str(uuid.UUID(int=4))}},
    ]
    topics = topic_tree.read_topics(json.dumps({"nodes": nodes}), "inputs.topics", "graph.json").unique
    assert [topic.path for topic in topics] == [("root", "a", "leaf")]


@pytest.mark.parametrize(
    ("target", "cycles"),
    [(5000, [1875, 1875, 1250]), (3750, [1875, 1875]), (1875, [1875]), (1, [1]), (1876, [1875, 1])],
)
def test_the_target_determines_full_cycles_and_a_partial_last_one(tmp_path, target, cycles):
    file = tmp_path / "tree.jsonl"
    file.write_text(make_tree(1875))
    plan = make_plan(file, target=target)
    assert [group.target for group in plan.groups] == cycles
    assert len({(slot.data["uuid"], slot.data["cycle"]) for slot in plan.slots}) == target
    assert plan.recipe.plan_facts()["last cycle"] == cycles[-1]


def test_cycle_progress_reads_as_specified():
    groups = [
        Group(name="1", target=1875, items=1875, ended_at=1875),
        Group(name="2", target=1875, items=1875, ended_at=3750),
        Group(name="3", target=1250),
    ]
    assert format_cycle_line(groups, 1, 3750) == "Cycle 2/3: +1875 samples (total 3750/5000)"
    progress = Progress(workflow_id="x", recipe="y", stage="generating", group_word="Cycle", groups=groups, items=3750)
    assert format_progress_line(progress) == "Cycle 2/3: +1875 samples (total 3750/5000)"


def test_a_tree_without_leaf_uuid_is_an_error_that_names_the_line_and_the_fix(tmp_path):
    file = tmp_path / "old.jsonl"
    file.write_text(make_tree(1) + '{"path": ["Root", "New"]}\n')
    with pytest.raises(SetupError, match=r"old\.jsonl:2: `leaf_uuid` is missing; .*topics stamp"):
        make_plan(file)


def test_topics_stamp_adds_uuids_once_and_keeps_them(tmp_path):
    text, count = topic_tree.stamp_uuids(make_tree(1) + '{"path": ["Root", "New"], "note": "kept"}\n', "old.jsonl")
    assert count == 1 and '"note": "kept"' in text
    second_text, none = topic_tree.stamp_uuids(text, "old.jsonl")
    assert none == 0 and second_text == text
    assert topic_tree.read_topics(text, "f", "d").unique[0].uuid == str(uuid.UUID(int=0))


@pytest.mark.parametrize(
    ("line_", "message"),
    [
        ("nonsense", "tree.jsonl:2: not JSON"),
        ('{"path": [], "leaf_uuid": "x"}', "tree.jsonl:2: `path` is a list"),
        ('{"path": ["a"], "leaf_uuid": "x"}', "tree.jsonl:2: `leaf_uuid` 'x' is not a UUID"),
        ("[1]", "tree.jsonl:2: a line is"),
    ],
)
def test_a_malformed_topic_tree_is_reported_with_its_line(line_, message):
    with pytest.raises(InputError, match=message.replace("[", r"\[")):
        topic_tree.read_topics(make_tree(1) + line_ + "\n", "inputs.topics", "tree.jsonl")


async def test_every_topic_gets_one_chat_sample_per_cycle(client, simulator, tmp_path):
    result = await run_to_end(client, example_request("topic_dataset", tmp_path), "topics-exact")
    assert (result.verdict, result.items) == ("complete", 120)
    rows = read_items(tmp_path, "topics-exact")
    assert len({(row["metadata"]["uuid"], row["metadata"]["cycle"]) for row in rows}) == 120
    assert [message["role"] for message in rows[0]["messages"]] == ["system", "user", "assistant"]
    assert rows[0]["metadata"]["path"][0] == "Distributed systems" and rows[47]["metadata"]["cycle"] == 1
    assert [group.model_dump(include={"name", "items"}) for group in result.groups] == [
        {"name": "1", "items": 48},
        {"name": "2", "items": 48},
        {"name": "3", "items": 24},
    ]
    ends = [group.ended_at for group in result.groups]  # what cycle_complete told: cycles may end in any order
    assert max(ended or 0 for ended in ends) == 120
    assert all((group.ended_at or 0) >= group.items for group in result.groups)


async def test_a_prompt_has_the_topics_path_and_from_cycle_2_its_earlier_samples(client, simulator, tmp_path):
    simulator.simulator.options = Options(record=True)
    await run_to_end(client, example_request("topic_dataset", tmp_path, target=96), "topics-prompts")
    path = "Distributed systems > Consensus > Raft > Log matching"
    first, second = [prompt for prompt in get_prompts(simulator) if path in prompt]
    assert "already have" not in first and "sample 2 of this topic" in second
    earlier = next(row for row in read_items(tmp_path, "topics-prompts") if row["metadata"]["topic"] == "Log matching")
    assert earlier["messages"][1]["content"] in second
    assert second.count("\n- ") == 1, "only its own topic's samples"


async def test_concurrency_bounds_the_calls_in_flight(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.05)
    request = example_request("topic_dataset", tmp_path, batching={"concurrency": 6}, target=48)
    await run_to_end(client, request, "topics-width")
    assert simulator.stats()["max_in_flight"] == 6


def test_batch_size_is_an_alias_of_concurrency_with_a_note():
    plan = lay_out_plan({"recipe": "topic_dataset", "inputs": {"topics": TREE}, "batching": {"batch_size": 3}})
    assert plan.request.batching.concurrency == 3 and set(plan.sizes) == {1}
    assert plan.warnings == ["batching.batch_size is read as batching.concurrency"]


def test_several_slots_may_share_a_call_while_lanes_still_follow_topics():
    plan = lay_out_plan(
        {"recipe": "topic_dataset", "inputs": {"topics": TREE}, "target": 120, "batching": {"size": 10}}
    )
    assert plan.sizes == [10, 10, 10, 10, 8] * 2 + [10, 10, 4]
    assert plan.after == [0] * 5 + [1, 2, 3, 4, 5] + [6, 7, 8]


async def test_the_dataset_folder_is_read_by_load_dataset(client, simulator, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    await run_to_end(client, example_request("topic_dataset", tmp_path, target=50), "topics-hf")
    import datasets

    loaded = datasets.load_dataset(str(tmp_path / "topics-hf" / "dataset"), split="train", cache_dir=tmp_path / "cache")
    assert loaded.num_rows == 50 and loaded[49]["metadata"]["cycle"] == 2
    assert loaded[0]["messages"][1]["role"] == "user"


async def test_a_topic_tree_is_built_by_the_model(client, simulator, tmp_path):
    request = {
        "recipe": "topic_tree",
        "inputs": {"topic": "Chess", "depth": 3, "degree": 3},
        "output": {"store": str(tmp_path)},
    }
    from quire.request import Request

    simulator.simulator.options = Options(bad_json=0.2, record=True)
    result = await run_to_end(client, Request.model_validate(request), "tree")
    assert (result.verdict, result.items) == ("complete", 13)
    text = (tmp_path / "tree" / "artifact.jsonl").read_text()
    leaves = topic_tree.read_topics(text, "inputs.topics", "artifact.jsonl").unique
    assert len(leaves) == 27 and {len(leaf.path) for leaf in leaves} == {4}
    assert any(" of Chess > " in prompt for prompt in get_prompts(simulator))
