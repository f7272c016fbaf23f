"""A document's blocks as WordprocessingML, and the document parts that depend on the run."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from recipes.base.document_blocks import BOX, Block, Entries, Fields, Heading, PageBreak, Paragraph, Table, Title

NAMES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" mc:Ignorable="w14"'
)
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_TEXT_WIDTH = 9638
"""The width of the text on an A4 page, in twentieths of a point."""
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FIELD_SHARES = (1, 3)
"""Shares of the width for a field's name and for its value."""
_MIN_BLANK_HEIGHT = 480
"""The least height of a row with an empty cell, which is filled in or signed by hand, in twentieths of a point."""
_CHECKBOX = (
    '<w:sdt><w:sdtPr><w14:checkbox><w14:checked w14:val="0"/><w14:checkedState w14:val="2612" w14:font="MS Gothic"/>'
    '<w14:uncheckedState w14:val="2610" w14:font="MS Gothic"/></w14:checkbox></w:sdtPr><w:sdtContent><w:r><w:rPr>'
    '<w:rFonts w:ascii="MS Gothic" w:hAnsi="MS Gothic" w:eastAsia="MS Gothic" w:hint="eastAsia"/></w:rPr>'
    f"<w:t>{BOX}</w:t></w:r></w:sdtContent></w:sdt>"
)
"""A checkbox that Word toggles on a click."""


def render_block(block: Block) -> Iterator[str]:
    """Yield the XML of a block, piece by piece."""
    match block:
        case Title(text):
            yield _render_paragraph(text, "Title")
        case Heading(text, level):
            yield _render_paragraph(text, f"Heading{level}")
        case Paragraph(text, strong):
            yield _render_paragraph(text, strong=strong)
        case Fields(rows):
            yield _render_table_start(_compute_column_widths(_FIELD_SHARES, 2))
            yield from (_render_row(row, _compute_column_widths(_FIELD_SHARES, 2), labelled=True) for row in rows)
            yield _TABLE_END
        case Entries():
            if block.label:
                yield _render_paragraph(block.label, "Label")
            style = "ListBox" if block.boxes else "ListBullet"
            yield from (
                _render_paragraph(entry, style, before=_CHECKBOX if block.boxes else "") for entry in block.entries
            )
            yield _GAP
        case Table(head, rows, shares):
            widths = _compute_column_widths(shares, len(head))
            yield _render_table_start(widths) + _render_row(head, widths, heading=True)
            for row in rows:
                yield _render_row(row, widths)
            yield _TABLE_END
        case PageBreak():
            yield '<w:p><w:r><w:br w:type="page"/></w:r></w:p>'


def _compute_column_widths(shares: Sequence[int], columns: int) -> list[int]:
    shares = shares or [1] * columns
    return [_TEXT_WIDTH * share // sum(shares) for share in shares]


def _render_table_start(widths: Sequence[int]) -> str:
    columns = "".join(f'<w:gridCol w:w="{width}"/>' for width in widths)
    return (
        '<w:tbl><w:tblPr><w:tblStyle w:val="Lines"/><w:tblW w:w="5000" w:type="pct"/><w:tblLayout w:type="fixed"/>'
        f"</w:tblPr><w:tblGrid>{columns}</w:tblGrid>"
    )


_GAP = '<w:p><w:pPr><w:pStyle w:val="Gap"/></w:pPr></w:p>'
_TABLE_END = f"</w:tbl>{_GAP}"
"""The end of a table with a gap: Word joins two tables that have nothing between them."""


def _render_row(cells: Sequence[str], widths: Sequence[int], *, heading: bool = False, labelled: bool = False) -> str:
    height = "" if all(cells) else f'<w:trHeight w:val="{_MIN_BLANK_HEIGHT}" w:hRule="atLeast"/>'
    row_properties = f"<w:trPr><w:cantSplit/>{height}{'<w:tblHeader/>' if heading else ''}</w:trPr>"
    shade = '<w:shd w:val="clear" w:color="auto" w:fill="EDF1F5"/>'
    cells_xml: list[str] = []
    for column, (text, width) in enumerate(zip(cells, widths, strict=True)):
        strong = heading or (labelled and column == 0)
        cell_properties = f'<w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>{shade if strong else ""}</w:tcPr>'
        cells_xml.append(f"<w:tc>{cell_properties}{_render_paragraph(text, 'Cell', strong=strong)}</w:tc>")
    return f"<w:tr>{row_properties}{''.join(cells_xml)}</w:tr>"


def _render_paragraph(text: str, style: str = "", *, strong: bool = False, before: str = "") -> str:
    rtl = _is_right_to_left(text)
    properties = (f'<w:pStyle w:val="{style}"/>' if style else "") + ("<w:bidi/>" if rtl else "")
    run_properties = ("<w:b/><w:bCs/>" if strong else "") + ("<w:rtl/>" if rtl else "")
    run_xml = f"<w:rPr>{run_properties}</w:rPr>" if run_properties else ""
    gap = '<w:r><w:t xml:space="preserve"> </w:t></w:r>' if before else ""
    return f"<w:p><w:pPr>{properties}</w:pPr>{before}{gap}<w:r>{run_xml}{_render_text(text)}</w:r></w:p>"


def _render_text(text: str) -> str:
    """Return the content of a run: lines and tabs become elements, characters that XML forbids are replaced."""
    lines: list[str] = []
    for line in _NOT_XML.sub("\ufffd", text).splitlines():
        parts = (f'<w:t xml:space="preserve">{escape(part)}</w:t>' if part else "" for part in line.split("\t"))
        lines.append("<w:tab/>".join(parts))
    return "<w:br/>".join(lines)


def _is_right_to_left(text: str) -> bool:
    """Return True if the first letter that has a direction is written from right to left."""
    directions = (unicodedata.bidirectional(letter) for letter in text[:200])
    return next((direction for direction in directions if direction in ("L", "R", "AL")), "L") != "L"


def render_document_start() -> str:
    """Return the XML before the first block."""
    return f"{_HEAD}<w:document {NAMES}><w:body>"


def render_document_end(footer_relation: str) -> str:
    """Return the XML after the last block: page size, margins and the footer's relation id."""
    return (
        f'<w:sectPr><w:footerReference w:type="default" r:id="{footer_relation}" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"/>'
        '<w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1134" w:right="1134" w:bottom="1134" w:left="1134" '
        'w:header="567" w:footer="567" w:gutter="0"/></w:sectPr></w:body></w:document>'
    )


def render_footer(text: str) -> str:
    """Return the footer part: `text` on the left of each page, page number and page count on the right."""
    page, pages = (
        f'<w:fldSimple w:instr="{name}"><w:r><w:t>1</w:t></w:r></w:fldSimple>' for name in ("PAGE", "NUMPAGES")
    )
    return (
        f'{_HEAD}<w:ftr {NAMES}><w:p><w:pPr><w:pStyle w:val="Footer"/></w:pPr><w:r>{_render_text(text)}<w:tab/></w:r>'
        f'{page}<w:r><w:t xml:space="preserve"> / </w:t></w:r>{pages}</w:p></w:ftr>'
    )


def render_core_properties(title: str, created: str | None) -> str:
    """Return the core properties part, which file managers show: title, creator, date of creation."""
    created_xml = f'<dcterms:created xsi:type="dcterms:W3CDTF">{created}</dcterms:created>' if created else ""
    return (
        f'{_HEAD}<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<dc:title>{escape(_NOT_XML.sub('', title))}</dc:title><dc:creator>Quire</dc:creator>{created_xml}"
        "</cp:coreProperties>"
    )
