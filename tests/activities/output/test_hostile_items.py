"""Hostile text in every field of every item: each format shows or keeps it as text, and the report runs none of it."""

import csv
import io
import re
import zipfile
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from activities.report.page import write_page_to_store
from activities.store import plan_file
from tests.support.assembled_artifact import ALL, AssembledArtifact, custom_request
from tests.support.hostile_texts import HOSTILE_TEXTS

STRING = {"type": "string"}
ITEM = {"type": "object", "required": ["title", "tags"], "properties": {"title": STRING, "tags": {"type": "array"}}}


@pytest.fixture
async def artifact(tmp_path) -> AssembledArtifact:
    items = [{"title": text, "tags": [text, text]} for text in HOSTILE_TEXTS]
    filled = await AssembledArtifact(tmp_path).fill(custom_request(ITEM, HOSTILE_TEXTS), items)
    return await filled.assemble(*ALL)


async def test_every_format_passes_its_verification(artifact):
    for form in ALL:
        assert await artifact.find_problems(form) == [], form


async def test_word_and_markdown_hold_no_markup_of_the_items(artifact):
    with zipfile.ZipFile(artifact.folder / "artifact.docx") as package:
        for name in package.namelist():
            if name.endswith((".xml", ".rels")):
                ElementTree.fromstring(package.read(name))
    tokens = MarkdownIt("commonmark").enable("table").parse((artifact.folder / "artifact.md").read_text())
    kinds = {inner.type for token in tokens for inner in (token, *(token.children or ()))}
    assert not kinds & {"link_open", "image", "html_block", "fence", "code_block", "blockquote_open"}


async def test_no_cell_of_a_table_is_a_formula(artifact):
    text = (artifact.folder / "artifact.csv").read_text("utf-8-sig")
    assert not [
        cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row if cell[:1] in tuple("=+-@\t\r")
    ]


class TagList(HTMLParser):
    """Collects the elements of a page and their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements += [tag, *(name for name, _ in attrs if name.startswith("on"))]


async def test_the_report_has_no_element_of_an_item(artifact):
    plan = await plan_file.open_plan(artifact.store)
    assert plan is not None
    warnings = [f"warning {text}" for text in HOSTILE_TEXTS]
    await write_page_to_store(
        plan,
        {
            "verdict": "partial",
            "warnings": warnings,
            "items": 1,
            "target": 18,
            "batches": {"planned": 1, "completed": 1, "failed": 0},
        },
    )
    page = (artifact.folder / "report.html").read_text()
    tags = TagList()
    tags.feed(page)
    assert not [name for name in tags.elements if name in ("img", "iframe") or name.startswith("on")]
    assert "<script>alert" not in page and not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", page)
