"""Extract the text of a DOCX as Markdown: headings, lists with the numbers that Word shows, tables as `|` rows."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from activities.documents.docx_numbering import ListNumbering
from activities.documents.docx_styles import StyleSheet, find_child, get_attribute, get_local_name
from activities.documents.text_cleanup import clean_up_text
from recipes.base.recipe import InputError

MAX_PART_BYTES = 100_000_000
"""Bytes of an unpacked part: a small zip file can hold a huge one."""
_SKIPPED = {"del", "moveFrom", "Fallback", "instrText", "delText", "pPr", "rPr", "sectPr", "tblPr"}
"""Elements that Word does not show: deleted text, alternatives of drawings, field instructions, properties."""
_CHARACTERS = {"tab": " ", "br": " ", "cr": " ", "noBreakHyphen": "-"}

_NOT_A_DOCUMENT = "is not a document: it is a zip file of something else"
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    ElementTree.ParseError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
)
"""Errors that damaged zip files or XML raise. An encrypted part raises RuntimeError."""


class _UnreadableError(Exception):
    """A file that cannot be read as a DOCX. The message continues a sentence that begins with the file's name."""


def read_docx_text(data: bytes, name: str, field: str) -> str:
    """Return the text of a DOCX. Raises InputError for `field` if the file cannot be read or has no text."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            main_part = _find_main_part(package)
            styles = StyleSheet(_parse_sibling(package, main_part, "styles.xml"))
            numbering = ListNumbering(_parse_sibling(package, main_part, "numbering.xml"), styles)
            body = find_child(_parse_part(package, main_part), "body")
    except _UnreadableError as error:
        raise InputError(field, f"{name} {error}") from None
    except _DAMAGED:
        raise InputError(
            field, f"{name} cannot be read as a DOCX: it is damaged; open it in Word and save it again"
        ) from None
    text = clean_up_text("\n".join(_render_blocks(body, numbering))) if body is not None else ""
    if not text.strip():
        raise InputError(field, f"{name} has no text; text in pictures is not read")
    return text


def _find_main_part(package: zipfile.ZipFile) -> str:
    """Return the path of the part that holds the text, as the package's relations name it."""
    for relation in _parse_part(package, "_rels/.rels"):
        if relation.get("Type", "").endswith("/officeDocument"):
            target = relation.get("Target", "").lstrip("/")
            if not target.startswith("word/"):
                raise _UnreadableError("is not a text document but a spreadsheet or a presentation")
            return target
    raise _UnreadableError(_NOT_A_DOCUMENT)


def _parse_sibling(package: zipfile.ZipFile, main_part: str, name: str) -> Element | None:
    path = str(PurePosixPath(main_part).with_name(name))
    return _parse_part(package, path) if path in package.namelist() else None


def _parse_part(package: zipfile.ZipFile, path: str) -> Element:
    if path not in package.namelist():
        raise _UnreadableError(_NOT_A_DOCUMENT)
    with package.open(path) as part:
        data = part.read(MAX_PART_BYTES + 1)  # the size in the archive's directory may be forged
    if len(data) > MAX_PART_BYTES:
        raise _UnreadableError(f"holds more than {MAX_PART_BYTES // 1_000_000} MB of text when unpacked")
    if b"<!DOCTYPE" in data[:2000] or b"<!ENTITY" in data:
        raise _UnreadableError("holds XML declarations that no DOCX has; it is not read")
    return ElementTree.fromstring(data)


def _render_blocks(parent: Element, numbering: ListNumbering) -> Iterator[str]:
    """Yield the lines of paragraphs and tables in order, with blank lines between them."""
    for element in parent:
        name = get_local_name(element)
        if name == "p":
            line = numbering.render_paragraph(element, _extract_text(element))
            if line:
                yield from ("", line)
        elif name == "tbl":
            yield ""
            yield from _render_table(element, numbering)
            yield ""
        elif name not in _SKIPPED:  # a wrapper such as a content control
            yield from _render_blocks(element, numbering)


def _render_table(table: Element, numbering: ListNumbering) -> Iterator[str]:
    for index, row in enumerate(_iter_rows(table)):
        cells = [cell for element in row for cell in _render_cells(element, numbering)]
        yield f"| {' | '.join(cells)} |"
        if index == 0:
            yield f"|{' --- |' * len(cells)}"


def _iter_rows(table: Element) -> Iterator[Element]:
    """Yield a table's rows, also those in content controls, but not those of tables inside its cells."""
    for child in table:
        if get_local_name(child) == "tr":
            yield child
        elif get_local_name(child) not in _SKIPPED:
            yield from _iter_rows(child)


def _render_cells(element: Element, numbering: ListNumbering) -> Iterator[str]:
    """Yield the cells in an element of a row as single lines; a cell that spans columns is followed by empty cells."""
    if get_local_name(element) == "sdt":
        content = find_child(element, "sdtContent")
        for child in content if content is not None else ():
            yield from _render_cells(child, numbering)
    if get_local_name(element) != "tc":
        return
    lines = (line.strip("| ") for line in _render_blocks(element, numbering))
    yield " ".join(line.replace("|", "/") for line in lines if line.strip("-| "))
    properties = find_child(element, "tcPr")
    span = find_child(properties, "gridSpan") if properties is not None else None
    yield from [""] * (int(get_attribute(span, "val") or 1) - 1 if span is not None else 0)


def _extract_text(paragraph: Element) -> str:
    """Return the text of a paragraph, including text boxes that are drawn in it."""
    pieces: list[str] = []
    for child in paragraph:
        name = get_local_name(child)
        if name == "t":
            pieces.append(child.text or "")
        elif name in _CHARACTERS:
            pieces.append(_CHARACTERS[name])
        elif name not in _SKIPPED:
            pieces.append(_extract_text(child))
            if name == "p":  # a paragraph of a text box
                pieces.append(" ")
    return "".join(pieces)
