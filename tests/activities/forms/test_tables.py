"""CSV and Parquet, read by what their users read them with."""

import csv
import json

import pandas
import pyarrow.parquet
import pytest
from datasets import load_dataset

from tests.activities.forms.conftest import Made, custom

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


def items() -> list[dict]:
    made = [{"text": text, "count": n, "tags": [text[:20], "b"], "place": {"name": text}} for n, text in enumerate(ODD)]
    made[0] |= {"share": 0.25, "right": True, "any": {"mixed": [1, "two", None]}}
    made[1] |= {"share": 3, "right": False, "any": "text", "tags": [], "place": {"name": "x", "at": [1.5, 2]}}
    return made


@pytest.fixture
async def made(tmp_path):
    keys = [f"k{n}" for n in range(len(ODD))]
    return await Made(tmp_path).fill(custom(ITEM, keys), items())


async def test_csv_is_read_by_the_standard_library_with_every_text_as_it_was(made):
    await made.bind("csv")
    csv.field_size_limit(1 << 20)
    with (made.folder / "artifact.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    assert list(rows[0])[:9] == ["id", "text", "count", "share", "right", "tags", "place.name", "place.at", "any"]
    assert rows[0]["provenance.source"] == "model" and rows[0]["provenance.model"] == "m"
    assert [row["id"] for row in rows] == [f"{n:03d}-k{n - 1}" for n in range(1, len(ODD) + 1)]
    shown = [row["text"] for row in rows]
    begun = {1, 2, 3, 4, 5, 6}
    assert [text.removeprefix("'") if n in begun else text for n, text in enumerate(shown)] == list(ODD)
    assert json.loads(rows[0]["tags"]) == [ODD[0][:20], "b"] and json.loads(rows[0]["any"])["mixed"] == [1, "two", None]
    assert (rows[0]["right"], rows[0]["share"], rows[2]["share"], rows[1]["place.at"]) == (
        "true",
        "0.25",
        "",
        "[1.5, 2]",
    )


async def test_no_cell_of_a_csv_begins_as_a_formula_does(made):
    await made.bind("csv")
    csv.field_size_limit(1 << 20)
    with (made.folder / "artifact.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


async def test_csv_opens_in_pandas_and_says_utf8_to_excel(made):
    await made.bind("csv")
    data = (made.folder / "artifact.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf") and data.count(b"\r\n") > len(ODD)
    table = pandas.read_csv(made.folder / "artifact.csv", keep_default_na=False)
    assert table.columns[0] == "id" and len(table) == len(ODD)
    assert table["text"][9] == ODD[9] and list(table["count"]) == list(range(len(ODD)))


async def test_parquet_is_read_by_pyarrow_with_everything_nested_as_it_was(made):
    await made.bind("parquet")
    table = pyarrow.parquet.read_table(made.folder / "artifact.parquet")
    rows = table.to_pylist()
    assert [row["text"] for row in rows] == list(ODD)
    assert rows[0]["tags"] == [ODD[0][:20], "b"] and rows[1]["tags"] == []
    assert rows[1]["place"] == {"name": "x", "at": [1.5, 2.0]} and rows[0]["place"]["at"] is None
    assert (rows[0]["share"], rows[1]["share"], rows[2]["share"], rows[0]["right"]) == (0.25, 3.0, None, True)
    assert json.loads(rows[0]["any"]) == {"mixed": [1, "two", None]} and json.loads(rows[1]["any"]) == "text"
    assert rows[0]["provenance"]["source"] == "model"


async def test_parquet_loads_as_a_dataset(made, tmp_path):
    await made.bind("parquet")
    files = str(made.folder / "artifact.parquet")
    loaded = load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.num_rows == len(ODD) and loaded[0]["tags"] == [ODD[0][:20], "b"]


@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "parquet", "hf", "markdown", "docx"])
async def test_odd_texts_pass_the_check_of_every_form(made, form):
    await made.bind(form)
    assert await made.problems(form) == [] and made.said == []


async def test_rows_of_parquet_are_written_group_after_group(tmp_path):
    item = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    request = custom(item, ["x"], slots={"count": 12_000})
    made = await Made(tmp_path).fill(request, [{"n": n} for n in range(12_000)])
    await made.bind("parquet")
    file = pyarrow.parquet.ParquetFile(made.folder / "artifact.parquet")
    assert file.metadata.num_rows == 12_000 and file.metadata.num_row_groups == 3
    assert file.read(["n"])["n"].to_pylist() == list(range(12_000))


@pytest.mark.parametrize("form", ["csv", "parquet"])
async def test_fields_beyond_the_schema_are_told(tmp_path, form):
    item = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    made = await Made(tmp_path).fill(custom(item, ["x"]), [{"n": 1, "more": "than that"}])
    await made.bind(form)
    assert f"artifact.{form} leaves out" in made.said[0] and "more" in made.said[0]
    assert await made.problems(form) == []


@pytest.mark.parametrize("form", ["csv", "parquet"])
async def test_a_table_that_was_changed_or_broken_does_not_pass(made, form):
    await made.bind(form)
    file = made.folder / f"artifact.{form}"
    whole = file.read_bytes()
    assert "it holds" in (await made.problems(form, expected=99))[0]
    file.write_bytes(whole[: len(whole) // 2])
    assert await made.problems(form) != []
    if form == "csv":
        file.write_bytes(whole.replace(b"001-k0", b"009-k8", 1))
        assert "artifact.csv: id '002-k1' is there twice, or out of order" in await made.problems(form)
        file.write_bytes(whole.replace(b"k1", b"k9", 1).replace(b",0,", b",many,", 1))
        assert any("cannot be read back" in said or "schema" in said for said in await made.problems(form))
