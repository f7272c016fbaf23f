"""`artifact.md`: a document in Markdown (CommonMark with GitHub's tables and task lists)."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence

from activities.output.document_format import ITEM_LEVEL, DocumentFormat
from activities.output.output_format import ArtifactContext, ArtifactEntry
from activities.store.object_store import Store
from recipes.base.document_blocks import Block, Entries, Fields, Heading, PageBreak, Paragraph, Table, Title

_MARKUP = re.compile(r"([\\`*\[\]<|~]|(?<!\w)_|_(?!\w)|&(?=#?\w+;)|\$)")
"""Characters that CommonMark, or GitHub's tables and formulas, would read as markup."""
_LINE_START_MARKUP = re.compile(r"([#>+=:-]|\d{1,9}(?=[.)]))")
"""Characters that are markup only at the beginning of a line."""
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class MarkdownFormat(DocumentFormat):
    """A Markdown document. Text of the items is escaped: it reads literally and makes no headings, links or HTML."""

    address = file = "artifact.md"

    async def write(self, text: str) -> None:
        await self.writer.write(text.encode())

    def render(self, block: Block) -> Iterator[str]:
        match block:
            case Title(text):
                yield f"# {_escape_inline(text)}\n\n"
            case Heading(text, level):
                yield f"{'#' * level} {_escape_inline(text)}\n\n"
            case Paragraph(text, strong):
                escaped = _escape(text)
                yield f"**{escaped}**\n\n" if strong and escaped else f"{escaped}\n\n"
            case Fields(rows):
                yield (
                    "".join(f"- **{_escape_inline(name)}:** {_escape(value, '  ')}\n" for name, value in rows) + "\n"
                )
            case Entries():
                yield from _render_entries(block)
            case Table(head, rows):
                yield _render_row(head) + _render_row(["---"] * len(head), raw=True)
                for row in rows:
                    yield _render_row(row)
                yield "\n"
            case PageBreak():
                yield "---\n\n"

    @classmethod
    async def read_back(cls, store: Store, context: ArtifactContext) -> AsyncIterator[ArtifactEntry]:
        mark = b"#" * ITEM_LEVEL + b" "
        async for line in store.read_lines(cls.file):
            if line.startswith(mark):
                yield ArtifactEntry(_ESCAPED.sub(r"\1", line.removeprefix(mark).decode()), None)


def _render_entries(block: Entries) -> Iterator[str]:
    if block.label:
        yield f"**{_escape_inline(block.label)}**\n\n"
    mark = "* [ ] " if block.boxes else "* "  # `-` is for fields: a list with the same mark would continue theirs
    yield "".join(f"{mark}{_escape(entry, '  ')}\n" for entry in block.entries) + "\n"


def _render_row(cells: Sequence[str], *, raw: bool = False) -> str:
    texts = cells if raw else [_escape(cell, breaks="<br>") for cell in cells]
    return f"| {' | '.join(texts)} |\n"


def _escape_inline(text: str) -> str:
    """Return escaped text on one line."""
    return _escape(" ".join(text.split()))


def _escape(text: str, indent: str = "", *, breaks: str = "") -> str:
    """Return Markdown that shows the text literally: hard breaks keep its lines, no-break spaces its indentation."""
    lines = [_escape_line(line) for line in text.strip("\r\n").splitlines()]
    return (breaks or f"\\\n{indent}").join(line or "\u00a0" for line in lines)


def _escape_line(text: str) -> str:
    line = _CONTROL.sub("\ufffd", text).expandtabs(4).rstrip()
    bare = line.lstrip(" ")
    escaped = _MARKUP.sub(r"\\\1", bare)
    first = _LINE_START_MARKUP.match(escaped)
    if first:
        at = first.end() if first[1].isdigit() else 0
        escaped = f"{escaped[:at]}\\{escaped[at:]}"
    return "&nbsp;" * (len(line) - len(bare)) + escaped
