"""`recipes`, `topics`, `resume` and what `status` shows, as their user has them."""

import json

import pytest

from simulator.options import Options
from simulator.server import SimulatorServer
from tests.conftest import ROOT, lines
from tests.runtime.conftest import last, until

ENDLESS = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}"
NAMES = ["oq_suite", "topic_dataset", "topic_tree", "drill_series", "eval_dataset", "roadmap", "custom"]


def test_recipes_lists_all_and_shows_each(shell):
    listed = json.loads(shell("recipes", "--json").stdout)
    assert {row["recipe"] for row in listed} >= set(NAMES)
    for name in NAMES:
        shown = shell("recipes", "show", name)
        assert shown.returncode == 0 and "inputs:" in shown.stdout and f"recipe: {name}" in shown.stdout, shown.stderr
        schema = shown.stdout.partition("item schema (of the ready request):\n")[2].partition("\na ready request")[0]
        assert json.loads(schema)["type"] == "object"
    wrong = shell("recipes", "show", "poem")
    assert wrong.returncode == 2 and "oq_suite" in wrong.stderr
    assert not shell.home.exists()


def test_a_new_recipe_runs_as_it_is_written_and_is_never_overwritten(shell, tmp_path):
    shell.cwd = tmp_path
    assert shell("recipes", "new", "riddles").returncode == 0
    text = (tmp_path / "riddles.yaml").read_text()
    ended = shell("run", "riddles.yaml", "--id", "riddles", "--json")
    assert ended.returncode == 0 and last(ended.stdout)["verdict"] == "complete", ended.stderr
    again = shell("recipes", "new", "riddles")
    assert again.returncode == 2 and "is there already" in again.stderr
    assert (tmp_path / "riddles.yaml").read_text() == text
    assert shell("recipes", "new", "../away").returncode == 2


def test_topics_build_makes_a_tree_that_stamp_leaves_as_it_is(shell, tmp_path):
    tree, store = tmp_path / "tree.jsonl", str(tmp_path / "store")
    words = ["topics", "build", "--topic", "Tea", "--depth", "2", "--degree", "3", "--store", store]
    assert shell(*words, "--output", str(tree), "--id", "tea").returncode == 0
    leaves = [json.loads(row) for row in tree.read_text().splitlines()]
    assert len(leaves) == 9 and len({leaf["leaf_uuid"] for leaf in leaves}) == 9
    assert all(leaf["path"][0] == "Tea" and len(leaf["path"]) == 3 for leaf in leaves)
    before = tree.read_bytes()
    assert "0 lines stamped" in shell("topics", "stamp", str(tree)).stdout and tree.read_bytes() == before
    again = shell(*words, "--output", str(tree))
    assert again.returncode == 2 and "is there already" in again.stderr
    tree.write_text(tree.read_text() + '{"path": ["Tea", "Cups"]}\n')
    assert "1 lines stamped" in shell("topics", "stamp", str(tree)).stdout
    assert json.loads(tree.read_text().splitlines()[-1])["leaf_uuid"]
    assert shell("topics", "stamp", str(tmp_path / "none.jsonl")).returncode == 2


def test_a_cancelled_run_is_resumed_from_where_it_was(shell, tmp_path):
    store = tmp_path / "store"
    with SimulatorServer(Options(latency=1.0)) as model:
        shell.env["OPENAI_BASE_URL"] = model.base_url
        words = ["run", "examples/eval_dataset.yaml", "--id", "cases", "--json", "--set", f"output.store={store}"]

        def answered() -> dict | None:  # a worker that is busy may leave a look unanswered
            said = json.loads(shell("status", "cases", "--json").stdout)
            return said if said.get("batch_states") else None

        running = shell.spawn(*words, "--set", "batching.concurrency=1", "--set", "batching.size=5")
        until(lambda: model.stats()["answered"] >= 5)
        model.simulator.options = Options(latency=8)  # so that it is live for as long as it is looked at
        shown = until(answered)
        assert 0 < shown["items"] < 100 and "GENERATING" in {batch["status"] for batch in shown["batch_states"]}
        assert shell("cancel", "cases").returncode == 0
        model.simulator.options = Options()
        out, _ = running.communicate(timeout=60)
        there = last(out)["items"]
        assert last(out)["verdict"] == "cancelled" and 0 < there < 100
        answered = dict(model.stats()["answered_prompts"])
        ended = shell("resume", "cases", "--json")
        assert ended.returncode == 0, ended.stderr
        assert f"going on with cases from {there}/100" in ended.stderr
        assert last(ended.stdout)["items"] == 100
        now = model.stats()["answered_prompts"]
        assert all(now[prompt] == times for prompt, times in answered.items()), "an answer was paid for twice"
    assert len({item["id"] for item in lines(store, "cases")}) == 100
    assert "is complete already" in shell("resume", "cases").stderr
    text = shell("status", "cases").stdout
    assert "100/100 cases (100 %)" in text and "order_status: 40/40" in text and "two models saved" in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"{{ row.name }}": "{{ row.nam }}"}, "no column 'nam'"),
        ({"You write": "{{ nothing }}"}, "unknown variable 'nothing'"),
        ({"type: string": "type: strong"}, "not a JSON Schema"),
        ({"{type: string": '{$ref: "https://example.org/schema.json"'}, "leads outside this schema"),
        ({"You write": ENDLESS}, "does not come to an end"),
    ],
)
def test_a_custom_request_that_is_wrong_costs_nothing(shell, tmp_path, change, said):
    text = (ROOT / "examples" / "custom_products.yaml").read_text()
    text = text.replace("custom/products.csv", str(ROOT / "examples" / "custom" / "products.csv"))
    for old, new in change.items():
        assert old in text, text
        text = text.replace(old, new, 1)
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    with SimulatorServer(Options()) as model:
        shell.env["OPENAI_BASE_URL"] = model.base_url
        ended = shell("run", str(file))
        assert ended.returncode == 2 and said in ended.stderr and "Traceback" not in ended.stderr, ended.stderr
        assert "wrong.yaml:" in ended.stderr and "inputs." in ended.stderr
        assert model.stats()["calls"] == 0 and not shell.home.exists()
