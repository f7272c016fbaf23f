"""The text of a DOCX as Markdown: headings, lists with the numbers that Word shows, tables as `|` rows."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from activities.documents.docx_numbering import Numbers
from activities.documents.docx_styles import Styles, attribute, child, local
from activities.documents.text_cleanup import tidy
from recipes.base.recipe import InputError

MOST_BYTES = 100_000_000
"""Of one part, unpacked: what is small in a zip file need not be small outside."""
_SKIPPED = {"del", "moveFrom", "Fallback", "instrText", "delText", "pPr", "rPr", "sectPr", "tblPr"}
"""What Word does not show: what was deleted, the second form of a drawing, the commands of fields, properties."""
_MARKS = {"tab": " ", "br": " ", "cr": " ", "noBreakHyphen": "-"}

_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    ElementTree.ParseError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
)
"""What a zip file or XML that is not whole raises; an encrypted part is a RuntimeError."""


class _Broken(Exception):
    """Why a file cannot be read, in words."""


def text_of(data: bytes, name: str, field: str) -> str:
    """A document's text. Raises InputError in words where there is none to be had."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            main = _main(packed)
            numbers = Numbers(_part(packed, main, "numbering.xml"), Styles(_part(packed, main, "styles.xml")))
            body = child(_parsed(packed, main), "body")
    except _Broken as error:
        raise InputError(field, f"{name} {error}") from None
    except _DAMAGED:
        raise InputError(field, f"{name} cannot be read as a DOCX: it is damaged; open it and save it again") from None
    text = tidy("\n".join(_blocks(body, numbers))) if body is not None else ""
    if not text.strip():
        raise InputError(field, f"{name} has no text; what is in pictures is not read")
    return text


def _main(packed: zipfile.ZipFile) -> str:
    """The part that holds the text, as the package says."""
    for relation in _parsed(packed, "_rels/.rels"):
        if relation.get("Type", "").endswith("/officeDocument"):
            target = relation.get("Target", "").lstrip("/")
            if not target.startswith("word/"):
                raise _Broken("is no text document: it was made by another program of the office suite")
            return target
    raise _Broken("is no document: it is a zip file of something else")


def _part(packed: zipfile.ZipFile, main: str, name: str) -> Element | None:
    path = str(PurePosixPath(main).with_name(name))
    return _parsed(packed, path) if path in packed.namelist() else None


def _parsed(packed: zipfile.ZipFile, path: str) -> Element:
    if path not in packed.namelist():
        raise _Broken("is no document: it is a zip file of something else")
    with packed.open(path) as opened:
        data = opened.read(MOST_BYTES + 1)  # the size that the archive tells may be a lie
    if len(data) > MOST_BYTES:
        raise _Broken(f"holds more than {MOST_BYTES // 1_000_000} MB of text when unpacked")
    if b"<!DOCTYPE" in data[:2000] or b"<!ENTITY" in data:
        raise _Broken("holds declarations that no DOCX has; it is not read")
    return ElementTree.fromstring(data)


def _blocks(parent: Element, numbers: Numbers) -> Iterator[str]:
    """Paragraphs and tables in order, with a blank line between two of them."""
    for part in parent:
        name = local(part)
        if name == "p":
            line = numbers.shown(part, _words(part))
            if line:
                yield from ("", line)
        elif name == "tbl":
            yield ""
            yield from _rows(part, numbers)
            yield ""
        elif name not in _SKIPPED:  # content controls and the like, around what they hold
            yield from _blocks(part, numbers)


def _rows(table: Element, numbers: Numbers) -> Iterator[str]:
    for index, row in enumerate(_own_rows(table)):
        cells = [cell for part in row for cell in _cells(part, numbers)]
        yield f"| {' | '.join(cells)} |"
        if index == 0:
            yield f"|{' --- |' * len(cells)}"


def _own_rows(part: Element) -> Iterator[Element]:
    """Rows, also those in content controls, and not those of tables inside cells."""
    for inner in part:
        if local(inner) == "tr":
            yield inner
        elif local(inner) not in _SKIPPED:
            yield from _own_rows(inner)


def _cells(part: Element, numbers: Numbers) -> Iterator[str]:
    if local(part) == "sdt":
        content = child(part, "sdtContent")
        for inner in content if content is not None else ():
            yield from _cells(inner, numbers)
    if local(part) != "tc":
        return
    lines = (line.strip("| ") for line in _blocks(part, numbers))
    yield " ".join(line.replace("|", "/") for line in lines if line.strip("-| "))
    properties = child(part, "tcPr")
    span = child(properties, "gridSpan") if properties is not None else None
    yield from [""] * (int(attribute(span, "val") or 1) - 1 if span is not None else 0)


def _words(part: Element) -> str:
    """The text of a paragraph, and of what is drawn in it."""
    said: list[str] = []
    for inner in part:
        name = local(inner)
        if name == "t":
            said.append(inner.text or "")
        elif name in _MARKS:
            said.append(_MARKS[name])
        elif name not in _SKIPPED:
            said.append(_words(inner))
            if name == "p":  # of a text box
                said.append(" ")
    return "".join(said)
