"""Extract the text of a PDF line by line: table columns become `|` rows, lines in larger type become headings. Pictures
are not read."""

import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from activities.documents.text_cleanup import clean_up_text
from activities.optional_packages import how_to_install
from recipes.base.recipe import InputError

MAX_PAGES = 5000
_PDFIUM_LOCK = threading.Lock()
"""PDFium is not thread-safe."""
_COLUMN_GAP = 0.9
"""A wider gap inside a line separates columns; in font sizes."""
_PARAGRAPH_DISTANCE = 1.9
"""A larger distance between two lines separates paragraphs; in font sizes."""
_HEADING_SIZE = 1.15
"""Larger letters are a heading; in font sizes of the body text."""
_EDGE_LINES = 2
"""Lines at the top and the bottom of a page that may be its header or footer."""
_HYPHEN = (0x02, 0xFFFE)
"""The characters that PDFium returns for a hyphen at the end of a line together with the line break."""


@dataclass(frozen=True)
class PdfLine:
    """A line of text on a page."""

    text: str
    size: float
    """The font size, in the page's units."""
    starts_paragraph: bool
    """True if the distance to the line above is that of a new paragraph."""


def read_pdf_text(data: bytes, name: str, field: str) -> str:
    """Return the text of a PDF. Raises InputError for `field` if the file cannot be read, or a page is a scan."""
    try:
        import pypdfium2  # pyright: ignore[reportMissingTypeStubs]
    except ImportError:
        raise InputError(field, f"{name}: reading PDF needs pypdfium2; {how_to_install('documents')}") from None
    with _PDFIUM_LOCK:
        try:
            document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            raise InputError(field, f"{name} {_explain_error(error)}") from None
        try:
            pages = _read_pages(document, name, field)
        finally:
            document.close()
    return clean_up_text("\n".join(_render_lines(pages)))


def _explain_error(error: Any) -> str:
    if getattr(error, "err_code", None) == 4:  # FPDF_ERR_PASSWORD
        return "is encrypted; save a copy without a password"
    return "cannot be read as a PDF: it is damaged, or not a PDF; save it again, or as .docx or .txt"


def _read_pages(document: Any, name: str, field: str) -> list[list[PdfLine]]:
    count = len(document)
    if count > MAX_PAGES:
        raise InputError(field, f"{name} has {count:,} pages, more than {MAX_PAGES:,}; give only the part you need")
    pages: list[list[PdfLine]] = []
    scanned: list[int] = []
    for number in range(count):
        page = document[number]
        pages.append(list(_read_lines(page.get_textpage())))
        if not pages[-1] and next(page.get_objects(max_depth=2), None) is not None:
            scanned.append(number + 1)
        page.close()
    if not any(pages):
        raise InputError(
            field,
            f"{name} has no text: its {count:,} pages are pictures, as in a scan; run text recognition first, such as "
            "`ocrmypdf scan.pdf text.pdf`",
        )
    if scanned:
        numbers = ", ".join(map(str, scanned[:10])) + (" and others" if len(scanned) > 10 else "")
        raise InputError(
            field,
            f"{name}: page {numbers} is a picture without text, and its content would be lost; run text recognition on "
            "the file (`ocrmypdf --skip-text`), or remove the page",
        )
    return pages


def _read_lines(text_page: Any) -> Iterator[PdfLine]:
    """Yield the lines of a page in the order in which the file draws them; in a table that is cell by cell."""
    from pypdfium2 import raw  # pyright: ignore[reportMissingTypeStubs]

    codes = [int(raw.FPDFText_GetUnicode(text_page.raw, index)) for index in range(text_page.count_chars())]
    start, previous_bottom = 0, None
    for end in [*(index for index, code in enumerate(codes) if code == 10), len(codes)]:
        visible = [index for index in range(start, end) if codes[index] > 32 and codes[index] not in _HYPHEN]
        if visible:
            _, bottom, _, top = text_page.get_charbox(visible[0], loose=True)
            font_size = float(raw.FPDFText_GetFontSize(text_page.raw, visible[0]))
            size = font_size if font_size > 2 else top - bottom  # a scaled page may have a font size of 1
            starts_paragraph = previous_bottom is not None and previous_bottom - bottom > _PARAGRAPH_DISTANCE * size
            previous_bottom = text_page.get_charbox(visible[-1], loose=True)[1]  # two printed lines if hyphenated
            yield PdfLine(_join_characters(text_page, codes, start, end, size), size, starts_paragraph)
        start = end + 1


def _join_characters(text_page: Any, codes: Sequence[int], start: int, end: int, size: float) -> str:
    pieces: list[str] = []
    has_columns = False
    for index in range(start, end):
        code = codes[index]
        if code in _HYPHEN:
            pieces.append(_resolve_hyphen(codes, index))
        elif code == 32 and start < index < end - 1 and _measure_gap(text_page, index) > _COLUMN_GAP * size:
            pieces.append(" | ")
            has_columns = True
        elif code not in (0, 13):
            pieces.append(chr(code))
    line = "".join(pieces).strip()
    return f"| {line} |" if has_columns else line


def _measure_gap(text_page: Any, index: int) -> float:
    return float(text_page.get_charbox(index + 1)[0] - text_page.get_charbox(index - 1)[2])


def _resolve_hyphen(codes: Sequence[int], index: int) -> str:
    """Return nothing for a hyphen that divides a word, and `-` for that of an id, a range or a compound of names."""
    before, after = (chr(codes[near]) if 0 <= near < len(codes) else "" for near in (index - 1, index + 1))
    return "" if before.islower() and after.islower() else "-"


def _render_lines(pages: Sequence[Sequence[PdfLine]]) -> Iterator[str]:
    repeated = _find_headers_and_footers(pages)
    body_size = _measure_body_size(pages)
    for page in pages:
        for line in page:
            if _mask_numbers(line.text) in repeated:
                continue
            is_heading = line.size > _HEADING_SIZE * body_size and not line.text.startswith("|")
            if line.starts_paragraph or is_heading:
                yield ""
            yield f"## {line.text}" if is_heading else line.text


def _measure_body_size(pages: Sequence[Sequence[PdfLine]]) -> float:
    """Return the font size of most characters."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for line in page:
            sizes[round(line.size, 1)] += len(line.text)
    return sizes.most_common(1)[0][0]


def _find_headers_and_footers(pages: Sequence[Sequence[PdfLine]]) -> set[str]:
    """Return lines, with numbers masked, that are at the top or the bottom of most pages and nowhere else."""
    edge_counts: Counter[str] = Counter()
    inner_lines: set[str] = set()
    for page in pages:
        edge_counts.update({_mask_numbers(line.text) for line in (*page[:_EDGE_LINES], *page[-_EDGE_LINES:])})
        inner_lines.update(_mask_numbers(line.text) for line in page[_EDGE_LINES:-_EDGE_LINES])
    return {line for line, count in edge_counts.items() if count > max(2, len(pages) / 2)} - inner_lines


def _mask_numbers(text: str) -> str:
    """Replace numbers that are not part of an id by `#`."""
    return re.sub(r"(?<![\w-])\d+", "#", text)
