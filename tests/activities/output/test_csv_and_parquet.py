"""CSV and Parquet, read by the programs that their users have."""

import csv
import json

import pandas
import pyarrow.parquet
import pytest
from datasets import load_dataset

from tests.support.assembled_artifact import AssembledArtifact, custom_request

ITEM = {
    "type": "object",
    "additionalProperties": False,
    "required": ["text", "count", "tags", "place"],
    "properties": {
        "text": {"type": "string"},
        "count": {"type": "integer"},
        "share": {"type": "number"},
        "right": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "place": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "at": {"type": "array", "items": {"type": "number"}}},
        },
        "any": {},
    },
}
ODD = (
    'commas, "quotes"\nand a second line\r\nand a third',
    '=HYPERLINK("http://example.org","click")',
    "+1, -1 and @you",
    "-3 degrees",
    "@SUM(A1)",
    "\ttab first",
    "'=already quoted",
    "'tis plain",
    "",
    "emoji 🧪, \u05e9\u05dc\u05d5\u05dd, \u0645\u0631\u062d\u0628\u0627, 中文",
    "a null \x00 and a bell \x07",
    "ends with a backslash \\",
    "x" * 200_000,
)


def make_items() -> list[dict]:
    rows = [{"text": text, "count": n, "tags": [text[:20], "b"], "place": {"name": text}} for n, text in enumerate(ODD)]
    rows[0] |= {"share": 0.25, "right": True, "any": {"mixed": [1, "two", None]}}
    rows[1] |= {"share": 3, "right": False, "any": "text", "tags": [], "place": {"name": "x", "at": [1.5, 2]}}
    return rows


@pytest.fixture
async def artifact(tmp_path):
    keys = [f"k{n}" for n in range(len(ODD))]
    return await AssembledArtifact(tmp_path).fill(custom_request(ITEM, keys), make_items())


async def test_csv_gives_every_text_back_to_the_standard_library(artifact):
    await artifact.assemble("csv")
    csv.field_size_limit(1 << 20)
    with (artifact.folder / "artifact.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    assert list(rows[0])[:9] == ["id", "text", "count", "share", "right", "tags", "place.name", "place.at", "any"]
    assert rows[0]["provenance.source"] == "model" and rows[0]["provenance.model"] == "m"
    assert [row["id"] for row in rows] == [f"{n:03d}-k{n - 1}" for n in range(1, len(ODD) + 1)]
    texts = [row["text"] for row in rows]
    begun = {1, 2, 3, 4, 5, 6}
    assert [text.removeprefix("'") if n in begun else text for n, text in enumerate(texts)] == list(ODD)
    assert json.loads(rows[0]["tags"]) == [ODD[0][:20], "b"] and json.loads(rows[0]["any"])["mixed"] == [1, "two", None]
    assert (rows[0]["right"], rows[0]["share"], rows[2]["share"], rows[1]["place.at"]) == (
        "true",
        "0.25",
        "",
        "[1.5, 2]",
    )


async def test_no_csv_cell_begins_like_a_formula(artifact):
    await artifact.assemble("csv")
    csv.field_size_limit(1 << 20)
    with (artifact.folder / "artifact.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


async def test_csv_opens_in_pandas_and_declares_utf8_to_excel(artifact):
    await artifact.assemble("csv")
    data = (artifact.folder / "artifact.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf") and data.count(b"\r\n") > len(ODD)
    table = pandas.read_csv(artifact.folder / "artifact.csv", keep_default_na=False)
    assert table.columns[0] == "id" and len(table) == len(ODD)
    assert table["text"][9] == ODD[9] and list(table["count"]) == list(range(len(ODD)))


async def test_parquet_gives_nested_values_back_to_pyarrow(artifact):
    await artifact.assemble("parquet")
    table = pyarrow.parquet.read_table(artifact.folder / "artifact.parquet")
    rows = table.to_pylist()
    assert [row["text"] for row in rows] == list(ODD)
    assert rows[0]["tags"] == [ODD[0][:20], "b"] and rows[1]["tags"] == []
    assert rows[1]["place"] == {"name": "x", "at": [1.5, 2.0]} and rows[0]["place"]["at"] is None
    assert (rows[0]["share"], rows[1]["share"], rows[2]["share"], rows[0]["right"]) == (0.25, 3.0, None, True)
    assert json.loads(rows[0]["any"]) == {"mixed": [1, "two", None]} and json.loads(rows[1]["any"]) == "text"
    assert rows[0]["provenance"]["source"] == "model"


async def test_parquet_loads_as_a_dataset(artifact, tmp_path):
    await artifact.assemble("parquet")
    files = str(artifact.folder / "artifact.parquet")
    loaded = load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.num_rows == len(ODD) and loaded[0]["tags"] == [ODD[0][:20], "b"]


@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "parquet", "hf", "markdown", "docx"])
async def test_unusual_texts_pass_verification_in_every_format(artifact, form):
    await artifact.assemble(form)
    assert await artifact.find_problems(form) == [] and artifact.warnings == []


async def test_parquet_rows_are_written_in_row_groups(tmp_path):
    item = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    request = custom_request(item, ["x"], slots={"count": 12_000})
    artifact = await AssembledArtifact(tmp_path).fill(request, [{"n": n} for n in range(12_000)])
    await artifact.assemble("parquet")
    file = pyarrow.parquet.ParquetFile(artifact.folder / "artifact.parquet")
    assert file.metadata.num_rows == 12_000 and file.metadata.num_row_groups == 3
    assert file.read(["n"])["n"].to_pylist() == list(range(12_000))


@pytest.mark.parametrize("form", ["csv", "parquet"])
async def test_fields_beyond_the_schema_are_reported(tmp_path, form):
    item = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    artifact = await AssembledArtifact(tmp_path).fill(custom_request(item, ["x"]), [{"n": 1, "more": "than that"}])
    await artifact.assemble(form)
    assert f"artifact.{form} leaves out" in artifact.warnings[0] and "more" in artifact.warnings[0]
    assert await artifact.find_problems(form) == []


@pytest.mark.parametrize("form", ["csv", "parquet"])
async def test_a_changed_or_truncated_table_fails_verification(artifact, form):
    await artifact.assemble(form)
    file = artifact.folder / f"artifact.{form}"
    content = file.read_bytes()
    assert "it holds" in (await artifact.find_problems(form, expected=99))[0]
    file.write_bytes(content[: len(content) // 2])
    assert await artifact.find_problems(form) != []
    if form == "csv":
        file.write_bytes(content.replace(b"001-k0", b"009-k8", 1))
        assert "artifact.csv: id '002-k1' is repeated or out of order" in await artifact.find_problems(form)
        file.write_bytes(content.replace(b"k1", b"k9", 1).replace(b",0,", b",many,", 1))
        assert any(
            "cannot be read back" in problem or "schema" in problem for problem in await artifact.find_problems(form)
        )
