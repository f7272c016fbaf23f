"""`artifact.md`: a document in Markdown (CommonMark, with tables and task lists as GitHub has them)."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence

from activities.output.document_format import ITEM, ReadingForm
from activities.output.output_format import Bound, Entry
from activities.store.object_store import Store
from recipes.base.document_blocks import Block, Entries, Fields, Heading, PageBreak, Paragraph, Table, Title

_MEANT = re.compile(r"([\\`*\[\]<|~]|(?<!\w)_|_(?!\w)|&(?=#?\w+;)|\$)")
"""What CommonMark, and GitHub's tables and formulas, would take for something else than itself."""
_STARTS = re.compile(r"([#>+=:-]|\d{1,9}(?=[.)]))")
"""The same at the beginning of a line."""
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class MarkdownForm(ReadingForm):
    """Text of the items is escaped: it reads as it is, and makes no headings, links or HTML."""

    address = file = "artifact.md"

    async def write(self, text: str) -> None:
        await self.out.write(text.encode())

    def render(self, block: Block) -> Iterator[str]:
        match block:
            case Title(text):
                yield f"# {_inline(text)}\n\n"
            case Heading(text, level):
                yield f"{'#' * level} {_inline(text)}\n\n"
            case Paragraph(text, strong):
                said = _escaped(text)
                yield f"**{said}**\n\n" if strong and said else f"{said}\n\n"
            case Fields(rows):
                yield "".join(f"- **{_inline(name)}:** {_escaped(said, '  ')}\n" for name, said in rows) + "\n"
            case Entries():
                yield from _entries(block)
            case Table(head, rows):
                yield _row(head) + _row(["---"] * len(head), raw=True)
                for row in rows:
                    yield _row(row)
                yield "\n"
            case PageBreak():
                yield "---\n\n"

    @classmethod
    async def read_back(cls, store: Store, bound: Bound) -> AsyncIterator[Entry]:
        mark = b"#" * ITEM + b" "
        async for line in store.lines(cls.file):
            if line.startswith(mark):
                yield Entry(_ESCAPED.sub(r"\1", line.removeprefix(mark).decode()), None)


def _entries(block: Entries) -> Iterator[str]:
    if block.label:
        yield f"**{_inline(block.label)}**\n\n"
    mark = "* [ ] " if block.boxes else "* "  # not the mark of fields: a list that follows another would go on with it
    yield "".join(f"{mark}{_escaped(entry, '  ')}\n" for entry in block.entries) + "\n"


def _row(cells: Sequence[str], *, raw: bool = False) -> str:
    said = cells if raw else [_escaped(cell, breaks="<br>") for cell in cells]
    return f"| {' | '.join(said)} |\n"


def _inline(text: str) -> str:
    """Text on one line."""
    return _escaped(" ".join(text.split()))


def _escaped(text: str, indent: str = "", *, breaks: str = "") -> str:
    """Text as it is: its lines kept apart by hard breaks, its leading spaces by spaces that do not go away."""
    lines = [_line(line) for line in text.strip("\r\n").splitlines()]
    return (breaks or f"\\\n{indent}").join(line or "\u00a0" for line in lines)


def _line(text: str) -> str:
    said = _CONTROL.sub("\ufffd", text).expandtabs(4).rstrip()
    bare = said.lstrip(" ")
    escaped = _MEANT.sub(r"\\\1", bare)
    first = _STARTS.match(escaped)
    if first:
        at = first.end() if first[1].isdigit() else 0
        escaped = f"{escaped[:at]}\\{escaped[at:]}"
    return "&nbsp;" * (len(said) - len(bare)) + escaped
