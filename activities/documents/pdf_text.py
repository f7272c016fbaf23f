"""The text of a PDF, line by line: columns of tables as `|` rows, larger letters as headings. No pictures are read."""

import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from activities.documents.text_cleanup import tidy
from activities.optional_packages import how_to_install
from recipes.base.recipe import InputError

MOST_PAGES = 5000
_TURN = threading.Lock()
"""PDFium is not thread-safe."""
_COLUMN, _PARAGRAPH, _HEADING = 0.9, 1.9, 1.15
"""A gap inside a line, the distance of two lines, the size of a heading: in sizes of the letters."""
_EDGE = 2
"""Lines at the top and at the foot of a page that may be its header and footer."""
_HYPHEN = (0x02, 0xFFFE)
"""What PDFium has in the place of a hyphen at the end of a line, and of the line's end."""


@dataclass(frozen=True)
class Line:
    """A line of a page, the size of its letters, and whether there is room above it."""

    text: str
    size: float
    apart: bool


def text_of(data: bytes, name: str, field: str) -> str:
    """A PDF's text. Raises InputError in words where there is none to be had."""
    try:
        import pypdfium2  # pyright: ignore[reportMissingTypeStubs]
    except ImportError:
        raise InputError(field, f"{name}: a PDF needs a reader; {how_to_install('documents')}") from None
    with _TURN:
        try:
            document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            raise InputError(field, f"{name} {_why(error)}") from None
        try:
            pages = _pages(document, name, field)
        finally:
            document.close()
    return tidy("\n".join(_written(pages)))


def _why(error: Any) -> str:
    if getattr(error, "err_code", None) == 4:  # FPDF_ERR_PASSWORD
        return "is encrypted; save a copy without a password"
    return "cannot be read as a PDF: it is damaged, or not a PDF; save it again, or as .docx or .txt"


def _pages(document: Any, name: str, field: str) -> list[list[Line]]:
    count = len(document)
    if count > MOST_PAGES:
        raise InputError(field, f"{name} has {count} pages, more than {MOST_PAGES}; give the part that is needed")
    pages: list[list[Line]] = []
    pictures: list[int] = []
    for number in range(count):
        page = document[number]
        pages.append(list(_lines(page.get_textpage())))
        if not pages[-1] and next(page.get_objects(max_depth=2), None) is not None:
            pictures.append(number + 1)
        page.close()
    if not any(pages):
        raise InputError(
            field,
            f"{name} has no text: its {count} pages are pictures, as of a scan; put it through text recognition first, "
            "such as `ocrmypdf scan.pdf text.pdf`",
        )
    if pictures:
        shown = ", ".join(map(str, pictures[:10])) + (" and others" if len(pictures) > 10 else "")
        raise InputError(
            field,
            f"{name}: page {shown} is a picture without text, so that what it says would be lost; put the file through "
            "text recognition (`ocrmypdf --skip-text`), or take the page out",
        )
    return pages


def _lines(text: Any) -> Iterator[Line]:
    """The lines of a page in the order in which the file draws them, which is that of its cells in a table."""
    from pypdfium2 import raw  # pyright: ignore[reportMissingTypeStubs]

    codes = [int(raw.FPDFText_GetUnicode(text.raw, at)) for at in range(text.count_chars())]
    start, below = 0, None
    for end in [*(at for at, code in enumerate(codes) if code == 10), len(codes)]:
        shown = [at for at in range(start, end) if codes[at] > 32 and codes[at] not in _HYPHEN]
        if shown:
            _, bottom, _, top = text.get_charbox(shown[0], loose=True)
            said = float(raw.FPDFText_GetFontSize(text.raw, shown[0]))
            size = said if said > 2 else top - bottom  # the page may be drawn to a scale
            apart = below is not None and below - bottom > _PARAGRAPH * size
            below = text.get_charbox(shown[-1], loose=True)[1]  # a line that ends in a hyphen goes on in the next one
            yield Line(_joined(text, codes, start, end, size), size, apart)
        start = end + 1


def _joined(text: Any, codes: Sequence[int], start: int, end: int, size: float) -> str:
    said: list[str] = []
    columns = False
    for at in range(start, end):
        code = codes[at]
        if code in _HYPHEN:
            said.append(_hyphen(codes, at))
        elif code == 32 and start < at < end - 1 and _gap(text, at) > _COLUMN * size:
            said.append(" | ")
            columns = True
        elif code not in (0, 13):
            said.append(chr(code))
    line = "".join(said).strip()
    return f"| {line} |" if columns else line


def _gap(text: Any, at: int) -> float:
    return float(text.get_charbox(at + 1)[0] - text.get_charbox(at - 1)[2])


def _hyphen(codes: Sequence[int], at: int) -> str:
    """A word that was divided is joined; an id, a range or a compound of names keeps its hyphen."""
    before, after = (chr(codes[near]) if 0 <= near < len(codes) else "" for near in (at - 1, at + 1))
    return "" if before.islower() and after.islower() else "-"


def _written(pages: Sequence[Sequence[Line]]) -> Iterator[str]:
    again = _running(pages)
    body = _body(pages)
    for page in pages:
        for line in page:
            if _shape(line.text) in again:
                continue
            heading = line.size > _HEADING * body and not line.text.startswith("|")
            if line.apart or heading:
                yield ""
            yield f"## {line.text}" if heading else line.text


def _body(pages: Sequence[Sequence[Line]]) -> float:
    """The size of most letters."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for line in page:
            sizes[round(line.size, 1)] += len(line.text)
    return sizes.most_common(1)[0][0]


def _running(pages: Sequence[Sequence[Line]]) -> set[str]:
    """What stands at the top or the foot of most pages and nowhere else, the same but for numbers: it belongs to no
    requirement."""
    found: Counter[str] = Counter()
    inside: set[str] = set()
    for page in pages:
        found.update({_shape(line.text) for line in (*page[:_EDGE], *page[-_EDGE:])})
        inside.update(_shape(line.text) for line in page[_EDGE:-_EDGE])
    return {shape for shape, count in found.items() if count > max(2, len(pages) / 2)} - inside


def _shape(text: str) -> str:
    """With `#` for numbers that are not part of an id."""
    return re.sub(r"(?<![\w-])\d+", "#", text)
