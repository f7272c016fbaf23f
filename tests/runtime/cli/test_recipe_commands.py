"""The commands `recipes`, `topics`, `resume` and `status`."""

import json

import pytest

from runtime.paths import ROOT
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.support.runs import read_items
from tests.support.shell import parse_last_line
from tests.support.waiting import wait_until

ENDLESS = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}"
NAMES = ["oq_suite", "topic_dataset", "topic_tree", "drill_series", "eval_dataset", "roadmap", "custom"]


def test_recipes_lists_all_recipes_and_shows_each(shell):
    listed = json.loads(shell("recipes", "--json").stdout)
    assert {row["recipe"] for row in listed} >= set(NAMES)
    for name in NAMES:
        output = shell("recipes", "show", name)
        assert output.returncode == 0 and "inputs:" in output.stdout and f"recipe: {name}" in output.stdout, (
            output.stderr
        )
        schema = output.stdout.partition("item schema (of the ready request):\n")[2].partition("\na ready request")[0]
        assert json.loads(schema)["type"] == "object"
    wrong = shell("recipes", "show", "poem")
    assert wrong.returncode == 2 and "oq_suite" in wrong.stderr
    assert not shell.home.exists()


def test_recipes_new_writes_a_runnable_recipe_and_never_overwrites_one(shell, tmp_path):
    shell.cwd = tmp_path
    assert shell("recipes", "new", "riddles").returncode == 0
    text = (tmp_path / "riddles.yaml").read_text()
    ended = shell("run", "riddles.yaml", "--id", "riddles", "--json")
    assert ended.returncode == 0 and parse_last_line(ended.stdout)["verdict"] == "complete", ended.stderr
    second = shell("recipes", "new", "riddles")
    assert second.returncode == 2 and "already exists" in second.stderr
    assert (tmp_path / "riddles.yaml").read_text() == text
    assert shell("recipes", "new", "../away").returncode == 2


def test_topics_build_writes_a_tree_that_topics_stamp_leaves_unchanged(shell, tmp_path):
    tree, store = tmp_path / "tree.jsonl", str(tmp_path / "store")
    words = ["topics", "build", "--topic", "Tea", "--depth", "2", "--degree", "3", "--store", store]
    assert shell(*words, "--output", str(tree), "--id", "tea").returncode == 0
    leaves = [json.loads(row) for row in tree.read_text().splitlines()]
    assert len(leaves) == 9 and len({leaf["leaf_uuid"] for leaf in leaves}) == 9
    assert all(leaf["path"][0] == "Tea" and len(leaf["path"]) == 3 for leaf in leaves)
    before = tree.read_bytes()
    assert "0 lines stamped" in shell("topics", "stamp", str(tree)).stdout and tree.read_bytes() == before
    second = shell(*words, "--output", str(tree))
    assert second.returncode == 2 and "already exists" in second.stderr
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
            status = json.loads(shell("status", "cases", "--json").stdout)
            return status if status.get("batch_states") else None

        running = shell.spawn(*words, "--set", "batching.concurrency=1", "--set", "batching.size=5")
        wait_until(lambda: model.stats()["answered"] >= 5)
        model.simulator.options = Options(latency=8)  # so that it is live for as long as it is looked at
        status = wait_until(answered)
        assert 0 < status["items"] < 100 and "GENERATING" in {batch["status"] for batch in status["batch_states"]}
        assert shell("cancel", "cases").returncode == 0
        model.simulator.options = Options()
        out, _ = running.communicate(timeout=60)
        items = parse_last_line(out)["items"]
        assert parse_last_line(out)["verdict"] == "cancelled" and 0 < items < 100
        answered_before = dict(model.stats()["answered_prompts"])
        ended = shell("resume", "cases", "--json")
        assert ended.returncode == 0, ended.stderr
        assert f"continuing cases from {items}/100" in ended.stderr
        assert parse_last_line(ended.stdout)["items"] == 100
        now = model.stats()["answered_prompts"]
        assert all(now[prompt] == times for prompt, times in answered_before.items()), "an answer was paid for twice"
    assert len({item["id"] for item in read_items(store, "cases")}) == 100
    assert "is already complete" in shell("resume", "cases").stderr
    text = shell("status", "cases").stdout
    assert "100/100 cases (100 %)" in text and "order_status: 40/40" in text and "two models saved" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"{{ row.name }}": "{{ row.nam }}"}, "no column 'nam'"),
        ({"You write": "{{ nothing }}"}, "unknown variable 'nothing'"),
        ({"type: string": "type: strong"}, "not a JSON Schema"),
        ({"{type: string": '{$ref: "https://example.org/schema.json"'}, "leads outside this schema"),
        ({"You write": ENDLESS}, "does not come to an end"),
    ],
)
def test_an_invalid_custom_request_is_rejected_before_any_call(shell, tmp_path, change, message):
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
        assert ended.returncode == 2 and message in ended.stderr and "Traceback" not in ended.stderr, ended.stderr
        assert "wrong.yaml:" in ended.stderr and "inputs." in ended.stderr
        assert model.stats()["calls"] == 0 and not shell.home.exists()
