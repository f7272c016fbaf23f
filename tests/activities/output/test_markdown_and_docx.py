"""Markdown and Word, read by the programs that their users have."""

import json
import zipfile

import docx
import pytest
from docx.table import Table
from docx.text.paragraph import Paragraph
from markdown_it import MarkdownIt

from recipes.base.recipe import Recipe
from tests.support.assembled_artifact import RUN, AssembledArtifact, custom_request

ODD = (
    "<script>alert(1)</script> & <b>bold</b> &amp; &lt;",
    "# not a heading\n## nor this\n- nor a list\n1. nor this\n> nor a quote",
    "*stars* _lines_ `ticks` [link](http://example.org) ![x](y) ~~struck~~ snake_case URS-001",
    "a | b \\| c",
    "   indented\n\tby a tab",
    "emoji 🧪 and 中文",
    "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd",
    "a bell \x07, a null \x00, a last \ufffe",
    "```\nfenced\n```",
    "--- \n===\nunder lines",
    "$formula$ and $$more$$",
)
ITEM = {
    "type": "object",
    "required": ["title", "text", "tags", "rows"],
    "properties": {
        "title": {"type": "string"},
        "text": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "rows": {"type": "array", "items": {"type": "object", "properties": {"said": {"type": "string"}}}},
    },
}
KEYS = [f"k{n}" for n in range(len(ODD))]
OQ = {"recipe": "oq_suite", "inputs": {"urs": "urs/chromatography.md", "gamp_category": 5}, "target": 3}


def make_unusual_items() -> list[dict]:
    return [{"title": f"{text[:100]}!", "text": text, "tags": [text], "rows": [{"said": text}]} for text in ODD]


def make_test_item(ids: list[str]) -> dict:
    step = {"action": "Open <it> & look", "expected_result": "It is open"}
    return {
        "title": "Opening",
        "category": "functional",
        "requirement_ids": ids,
        "objective": "To see that it opens",
        "preconditions": ["It is closed"],
        "steps": [step, step],
        "acceptance_criteria": ["All steps pass", "No warning"],
        "risk": "high",
    }


make_test_item.__test__ = False  # pyright: ignore[reportFunctionMemberAccess]


async def make_test_suite(folder) -> AssembledArtifact:
    artifact = AssembledArtifact(folder)
    await artifact.fill(OQ, [])
    slots = [json.loads(line) for line in (artifact.folder / "plan.jsonl").read_text().splitlines()[1:]]
    return await artifact.fill(OQ, [make_test_item(slot["covers"]) for slot in slots])


def list_parts(document) -> list[tuple[str, str]]:
    """Return style and text of every paragraph, those in cells included, in the document's order."""
    parts: list[tuple[str, str]] = []
    for part in document.iter_inner_content():
        if isinstance(part, Paragraph):
            parts.append((part.style.name, part.text))
        else:
            assert isinstance(part, Table)
            parts += [("cell", cell.text) for row in part.rows for cell in row.cells]
    return parts


# Word


async def test_a_test_suite_in_word_is_a_document_to_be_signed(tmp_path):
    artifact = await (await make_test_suite(tmp_path)).assemble("docx")
    document = docx.Document(str(artifact.folder / "artifact.docx"))
    parts = list_parts(document)
    assert parts[0] == ("Title", "Operational Qualification test suite")
    first = {row.cells[0].text: row.cells[1].text for row in document.tables[0].rows}
    assert first["System"] == "Chromatography Data System" and first["Date of the run"] == "2026-03-01"
    assert (first["Verdict"], first["Tests"], first["GAMP 5 category"]) == ("complete", "3 of 3", "5")
    signed = document.tables[1]
    assert [cell.text for cell in signed.rows[0].cells] == ["", "Name", "Date", "Signature"]
    assert [row.cells[0].text for row in signed.rows[1:]] == ["Prepared by", "Reviewed by", "Approved by"]
    assert [text for style, text in parts if style == "Heading 2"] == [f"OQ-00{n}: Opening" for n in (1, 2, 3)]
    steps = document.tables[3]
    head = ["Step", "Action", "Expected result", "Actual result", "Pass / fail", "Initials"]
    assert [cell.text for cell in steps.rows[0].cells] == head
    assert [cell.text for cell in steps.rows[2].cells] == ["2", "Open <it> & look", "It is open", "", "", ""]
    assert ("Heading 1", "Traceability matrix") in parts
    matrix = {row.cells[0].text: row.cells[2].text for row in document.tables[-1].rows[1:]}
    assert len(matrix) == 30 and matrix["URS-001"] == "OQ-001" and "no test" not in matrix.values()
    assert document.core_properties.title == "Operational Qualification test suite"
    assert document.sections[0].footer.paragraphs[0].text.startswith("Operational Qualification test suite · run")


async def test_word_shows_every_text_as_it_is(tmp_path):
    artifact = await (
        await AssembledArtifact(tmp_path).fill(custom_request(ITEM, KEYS), make_unusual_items())
    ).assemble("docx")
    document = docx.Document(str(artifact.folder / "artifact.docx"))
    cells = [text for style, text in list_parts(document) if style == "cell"]
    bullets = [text for style, text in list_parts(document) if style == "List Bullet"]
    for text in ODD:
        expected = text.replace("\x07", "\ufffd").replace("\x00", "\ufffd").replace("\ufffe", "\ufffd")
        assert expected in cells and expected in bullets
    headings = [text for style, text in list_parts(document) if style == "Heading 2"]
    assert len(headings) == len(ODD) and headings[0] == f"001-k0: {ODD[0]}!"
    rtl = next(p for p in document.paragraphs if p.text == ODD[6])
    assert rtl._p.xpath("w:pPr/w:bidi") and rtl._p.xpath("w:r/w:rPr/w:rtl")


async def test_a_roadmap_in_word_has_weeks_days_and_boxes(tmp_path):
    days = [{"day": n, "title": f"Day of {n}", "tasks": [f"Task {n}", f"Other {n}"]} for n in range(1, 8)]
    weeks = [{"title": f"Week of {n}", "difficulty": n, "days": days} for n in range(1, 5)]
    request = {"recipe": "roadmap", "inputs": {"target_role": "Baker", "duration_weeks": 4}}
    artifact = await (await AssembledArtifact(tmp_path).fill(request, weeks)).assemble("docx", "markdown")
    document = docx.Document(str(artifact.folder / "artifact.docx"))
    parts = list_parts(document)
    assert [text for style, text in parts if style == "Heading 1"] == [
        "Foundations", "Core skills", "Advanced practice", "Portfolio and interviews",
    ]  # fmt: skip
    assert next(text for style, text in parts if style == "Heading 2") == "week-01: Week of 1"
    assert len([text for style, text in parts if style == "Heading 3"]) == 28
    tasks = [part for part in document.paragraphs if part.style.name == "List Box"]
    assert len(tasks) == 56 and tasks[0].text.strip() == "Task 1"
    assert all(task._p.xpath("w:sdt//w:t[text()='\u2610']") for task in tasks)
    markdown = (artifact.folder / "artifact.md").read_text()
    assert markdown.count("\n* [ ] ") == 56 and "\n### Day 1: Day of 1\n" in markdown


async def test_a_word_file_holds_no_timestamp_of_its_writing(tmp_path):
    artifact = await (await make_test_suite(tmp_path)).assemble("docx")
    before = (artifact.folder / "artifact.docx").read_bytes()
    with zipfile.ZipFile(artifact.folder / "artifact.docx") as parts:
        assert {part.date_time for part in parts.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert parts.testzip() is None
    await artifact.assemble("docx")
    assert (artifact.folder / "artifact.docx").read_bytes() == before


# Markdown


def parse_markdown(artifact: AssembledArtifact):
    return MarkdownIt("commonmark").enable("table").enable("strikethrough").parse(
        (artifact.folder / "artifact.md").read_text()
    )  # fmt: skip


def visible_text(inline) -> str:
    """Return what a reader sees of an inline token."""
    parts = {"softbreak": "\n", "hardbreak": "\n"}
    return "".join(parts.get(part.type, part.content) for part in inline.children)


async def test_markdown_shows_every_text_as_it_is(tmp_path):
    artifact = await (
        await AssembledArtifact(tmp_path).fill(custom_request(ITEM, KEYS), make_unusual_items())
    ).assemble("markdown")
    found_tokens = parse_markdown(artifact)
    texts = [visible_text(token).replace("\u00a0", " ") for token in found_tokens if token.type == "inline"]
    for text in ODD:
        plain = "".join("\ufffd" if part in "\x07\x00" else part for part in text).replace("\t", "    ")
        lines = "\n".join(line.rstrip() for line in plain.split("\n"))
        assert lines in texts, text
        assert f"Text: {lines}" in texts
        assert lines.replace("\n", "<br>") in texts  # in a cell of a table
    kinds = {token.type for token in found_tokens} | {
        part.type for token in found_tokens for part in token.children or ()
    }
    html = {part.content for token in found_tokens for part in token.children or () if part.type == "html_inline"}
    assert html == {"<br>"} and not kinds & {
        "html_block",
        "fence",
        "code_block",
        "blockquote_open",
        "link_open",
        "image",
    }
    assert not kinds & {"s_open", "em_open", "code_inline", "ordered_list_open"}


async def test_only_items_are_headings_in_markdown(tmp_path):
    artifact = await (
        await AssembledArtifact(tmp_path).fill(custom_request(ITEM, KEYS), make_unusual_items())
    ).assemble("markdown")
    found_tokens = parse_markdown(artifact)
    heads = [
        found_tokens[n + 1]
        for n, token in enumerate(found_tokens)
        if token.type == "heading_open" and token.tag == "h2"
    ]
    assert [visible_text(head).split(":")[0] for head in heads] == [f"{n:03d}-{key}" for n, key in enumerate(KEYS, 1)]


async def test_a_test_suite_in_markdown_has_its_tables(tmp_path):
    artifact = await (await make_test_suite(tmp_path)).assemble("markdown")
    found_tokens = parse_markdown(artifact)
    heads = [visible_text(found_tokens[n + 1]) for n, token in enumerate(found_tokens) if token.type == "th_open"]
    assert heads[:4] == ["", "Name", "Date", "Signature"] and heads.count("Actual result") == 3
    assert heads[-3:] == ["Requirement", "What it asks for", "Tests"]
    assert "Open \\<it> & look" in (artifact.folder / "artifact.md").read_text()


# Both


@pytest.mark.parametrize(("form", "name"), [("markdown", "artifact.md"), ("docx", "artifact.docx")])
async def test_a_document_that_lacks_an_item_fails_verification(tmp_path, form, name):
    artifact = await (await make_test_suite(tmp_path)).assemble(form)
    assert await artifact.find_problems(form) == []
    assert await artifact.find_problems(form, expected=4) == [f"{name}: it holds 3 items instead of 4"]
    file = artifact.folder / name
    if form == "markdown":
        file.write_text(file.read_text().replace("## OQ-002", "## OQ-003"))
        assert f"{name}: id 'OQ-003: Opening' is repeated or out of order" in await artifact.find_problems(form)
    else:
        file.write_bytes(file.read_bytes()[:-100])
        assert "cannot be read back: not a Word document" in (await artifact.find_problems(form))[0]


@pytest.mark.parametrize("form", ["csv", "parquet", "markdown", "docx"])
async def test_an_unfilled_slot_is_neither_a_row_nor_a_heading(tmp_path, form):
    artifact = await AssembledArtifact(tmp_path).fill(
        custom_request(ITEM, KEYS[:3]), [make_unusual_items()[0], {}, make_unusual_items()[2]]
    )
    await artifact.assemble(form)
    assert await artifact.find_problems(form) == []


async def test_a_recipe_without_a_layout_is_laid_out_by_default(tmp_path):
    """The base class lays out the document of a recipe that defines no layout."""
    artifact = await AssembledArtifact(tmp_path).fill(custom_request(ITEM, ["a"]), [make_unusual_items()[5]])
    await artifact.assemble("markdown")
    text = (artifact.folder / "artifact.md").read_text()
    assert text.startswith("# Custom: items\n") and f"- **Run:** {RUN}\n" in text
    assert "\n## 001-a: emoji 🧪 and 中文!\n" in text and "\n**Tags**\n\n* emoji" in text and "\n| Said |\n" in text
    assert Recipe.reading.__doc__
