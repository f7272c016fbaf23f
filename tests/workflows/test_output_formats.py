"""Every recipe in every output format, by complete runs."""

import json
from typing import Any, get_args

import docx
import pandas
import pyarrow.parquet
import pytest
from datasets import load_dataset
from markdown_it import MarkdownIt

from quire.request import Format
from tests.support.requests import example_request
from tests.support.runs import run_to_end

FORMS: tuple[Format, ...] = get_args(Format)
DOMAINS = {"topic": "Databases", "depth": 2, "degree": 2}
SMALL: dict[str, dict[str, Any]] = {
    "oq_suite": {"target": 4},
    "topic_dataset": {"target": 5},
    "drill_series": {"target": 6},
    "eval_dataset": {},
    "roadmap": {},
    "custom_quiz": {"target": 5},
    "custom_products": {"target": 4},
    "topic_tree": {},
}


def small_request(name: str, store, **changes: Any):
    if name == "topic_tree":
        from quire.request import Request

        fields = {"recipe": "topic_tree", "inputs": DOMAINS, "output": {"store": str(store)}}
        return Request.model_validate(fields | changes)
    return example_request(name, store, **(SMALL[name] | changes))


@pytest.mark.parametrize("name", SMALL)
async def test_every_recipe_is_written_and_read_back_in_every_format(client, simulator, tmp_path, name):
    asked = small_request(name, tmp_path)
    asked = asked.model_copy(update={"output": asked.output.model_copy(update={"formats": FORMS})})
    result = await run_to_end(client, asked, f"forms-{name}")
    assert (result.verdict, result.warnings) == ("complete", [])
    assert list(result.artifacts) == list(FORMS) and result.artifact == result.artifacts["json"]
    folder = tmp_path / f"forms-{name}"
    assert json.loads((folder / "report.json").read_text())["problems"] == []

    artifact = json.loads((folder / "artifact.json").read_text())
    items = artifact[result.noun]
    lines = [json.loads(row) for row in (folder / "artifact.jsonl").read_text().splitlines()]
    assert len(items) == result.items and len(lines) == (4 if name == "topic_tree" else result.items)

    table = pandas.read_csv(folder / "artifact.csv", keep_default_na=False, dtype=str)
    rows = pyarrow.parquet.read_table(folder / "artifact.parquet").to_pylist()
    cache = str(tmp_path / "cache")
    loaded = load_dataset(str(folder / "dataset"), split="train", cache_dir=cache)
    assert len(table) == len(rows) == loaded.num_rows == len(lines)
    if name == "topic_tree":
        assert [json.loads(path) for path in table["path"]] == [line["path"] for line in lines]
        assert rows == lines
    else:
        ids = [item["id"] for item in items]
        assert list(table["id"]) == [row["id"] for row in rows] == list(loaded["id"]) == ids
        assert [_without_nulls(row) for row in rows] == lines

    tokens = MarkdownIt("commonmark").enable("table").parse((folder / "artifact.md").read_text())
    heads = [
        tokens[n + 1].content for n, token in enumerate(tokens) if token.type == "heading_open" and token.tag == "h2"
    ]
    document = docx.Document(str(folder / "artifact.docx"))
    words = [part.text for part in document.paragraphs if part.style.name == "Heading 2"]
    assert len(heads) == len(words) == len(items)
    assert all(word.startswith(item["id"]) for word, item in zip(words, items, strict=True))
    assert "SIMULATED" in document.paragraphs[1].text


def _without_nulls(value: Any) -> Any:
    """Return a value without nulls: a missing field is null in Parquet, and no item here has a null of its own."""
    if isinstance(value, dict):
        return {name: _without_nulls(part) for name, part in value.items() if part is not None}
    return [_without_nulls(part) for part in value] if isinstance(value, list) else value


async def test_chat_samples_have_a_csv_column_for_each_role(client, simulator, tmp_path):
    asked = small_request("topic_dataset", tmp_path)
    asked = asked.model_copy(update={"output": asked.output.model_copy(update={"formats": ("csv", "jsonl")})})
    await run_to_end(client, asked, "chat")
    table = pandas.read_csv(tmp_path / "chat" / "artifact.csv", keep_default_na=False)
    first = json.loads((tmp_path / "chat" / "artifact.jsonl").read_text().splitlines()[0])
    contents = {message["role"]: message["content"] for message in first["messages"]}
    assert {role: table[role][0] for role in contents} == contents
    assert json.loads(table["path"][0]) == first["metadata"]["path"] and table["cycle"][0] == 1


async def test_evaluation_cases_keep_their_shape_in_parquet(client, simulator, tmp_path):
    asked = small_request("eval_dataset", tmp_path)
    asked = asked.model_copy(update={"output": asked.output.model_copy(update={"formats": ("parquet",)})})
    result = await run_to_end(client, asked, "cases")
    rows = pyarrow.parquet.read_table(result.artifacts["parquet"]).to_pylist()
    assert all(isinstance(row["inputs"], dict) and row["expectations"]["expected_response"] for row in rows)
    assert {"order_status", "refunds", "product_info"} == {row["category"] for row in rows}


async def test_a_document_format_alone_is_verified_by_its_headings(client, simulator, tmp_path):
    asked = small_request("oq_suite", tmp_path)
    asked = asked.model_copy(update={"output": asked.output.model_copy(update={"formats": ("docx",)})})
    result = await run_to_end(client, asked, "only-docx")
    assert (result.verdict, result.warnings, list(result.artifacts)) == ("complete", [], ["docx"])
    assert result.artifact and result.artifact.endswith("artifact.docx")


async def test_a_second_run_with_the_same_id_removes_the_formats_of_the_first(client, simulator, tmp_path):
    asked = small_request("oq_suite", tmp_path)
    for formats in (("csv", "hf"), ("markdown",)):
        now = asked.model_copy(update={"output": asked.output.model_copy(update={"formats": formats})})
        await run_to_end(client, now, "twice")
    files = {path.name for path in (tmp_path / "twice").rglob("*") if path.is_file()}
    assert "artifact.md" in files and not files & {"artifact.csv", "README.md", "train-00000-of-00001.jsonl"}
