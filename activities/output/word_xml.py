"""A document's blocks in Word's language (WordprocessingML), and the parts that name the document."""

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
_WIDTH = 9638
"""Of the text on an A4 page, in twentieths of a point."""
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LABELS, _ROOM = (1, 3), 480
"""Shares of a field's name and its value; the least height of a row that is signed."""
_TICK = (
    '<w:sdt><w:sdtPr><w14:checkbox><w14:checked w14:val="0"/><w14:checkedState w14:val="2612" w14:font="MS Gothic"/>'
    '<w14:uncheckedState w14:val="2610" w14:font="MS Gothic"/></w14:checkbox></w:sdtPr><w:sdtContent><w:r><w:rPr>'
    '<w:rFonts w:ascii="MS Gothic" w:hAnsi="MS Gothic" w:eastAsia="MS Gothic" w:hint="eastAsia"/></w:rPr>'
    f"<w:t>{BOX}</w:t></w:r></w:sdtContent></w:sdt>"
)
"""A box that Word ticks at a click."""


def block_xml(block: Block) -> Iterator[str]:
    """A block, piece by piece."""
    match block:
        case Title(text):
            yield _paragraph(text, "Title")
        case Heading(text, level):
            yield _paragraph(text, f"Heading{level}")
        case Paragraph(text, strong):
            yield _paragraph(text, strong=strong)
        case Fields(rows):
            yield _table_head(_widths(_LABELS, 2))
            yield from (_row(row, _widths(_LABELS, 2), labelled=True) for row in rows)
            yield _TABLE_END
        case Entries():
            if block.label:
                yield _paragraph(block.label, "Label")
            style = "ListBox" if block.boxes else "ListBullet"
            yield from (_paragraph(entry, style, before=_TICK if block.boxes else "") for entry in block.entries)
            yield _GAP
        case Table(head, rows, shares):
            widths = _widths(shares, len(head))
            yield _table_head(widths) + _row(head, widths, heading=True)
            for row in rows:
                yield _row(row, widths)
            yield _TABLE_END
        case PageBreak():
            yield '<w:p><w:r><w:br w:type="page"/></w:r></w:p>'


def _widths(shares: Sequence[int], columns: int) -> list[int]:
    given = shares or [1] * columns
    return [_WIDTH * share // sum(given) for share in given]


def _table_head(widths: Sequence[int]) -> str:
    columns = "".join(f'<w:gridCol w:w="{width}"/>' for width in widths)
    return (
        '<w:tbl><w:tblPr><w:tblStyle w:val="Lines"/><w:tblW w:w="5000" w:type="pct"/><w:tblLayout w:type="fixed"/>'
        f"</w:tblPr><w:tblGrid>{columns}</w:tblGrid>"
    )


_GAP = '<w:p><w:pPr><w:pStyle w:val="Gap"/></w:pPr></w:p>'
_TABLE_END = f"</w:tbl>{_GAP}"
"""Two tables with nothing between them would be one."""


def _row(cells: Sequence[str], widths: Sequence[int], *, heading: bool = False, labelled: bool = False) -> str:
    room = "" if all(cells) else f'<w:trHeight w:val="{_ROOM}" w:hRule="atLeast"/>'
    about = f"<w:trPr><w:cantSplit/>{room}{'<w:tblHeader/>' if heading else ''}</w:trPr>"
    shade = '<w:shd w:val="clear" w:color="auto" w:fill="EDF1F5"/>'
    written: list[str] = []
    for at, (text, width) in enumerate(zip(cells, widths, strict=True)):
        strong = heading or (labelled and at == 0)
        look = f'<w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>{shade if strong else ""}</w:tcPr>'
        written.append(f"<w:tc>{look}{_paragraph(text, 'Cell', strong=strong)}</w:tc>")
    return f"<w:tr>{about}{''.join(written)}</w:tr>"


def _paragraph(text: str, style: str = "", *, strong: bool = False, before: str = "") -> str:
    rtl = _right_to_left(text)
    about = (f'<w:pStyle w:val="{style}"/>' if style else "") + ("<w:bidi/>" if rtl else "")
    look = ("<w:b/><w:bCs/>" if strong else "") + ("<w:rtl/>" if rtl else "")
    marks = f"<w:rPr>{look}</w:rPr>" if look else ""
    gap = '<w:r><w:t xml:space="preserve"> </w:t></w:r>' if before else ""
    return f"<w:p><w:pPr>{about}</w:pPr>{before}{gap}<w:r>{marks}{_text(text)}</w:r></w:p>"


def _text(text: str) -> str:
    """A run's content: lines and tabs are elements of their own, what XML cannot hold is replaced."""
    lines: list[str] = []
    for line in _NOT_XML.sub("\ufffd", text).splitlines():
        parts = (f'<w:t xml:space="preserve">{escape(part)}</w:t>' if part else "" for part in line.split("\t"))
        lines.append("<w:tab/>".join(parts))
    return "<w:br/>".join(lines)


def _right_to_left(text: str) -> bool:
    """Whether the first letter with a direction goes to the left."""
    directions = (unicodedata.bidirectional(letter) for letter in text[:200])
    return next((found for found in directions if found in ("L", "R", "AL")), "L") != "L"


def document_start() -> str:
    """What stands before the first block."""
    return f"{_HEAD}<w:document {NAMES}><w:body>"


def document_end(footer: str) -> str:
    """What stands after the last block: the page, and where its footer is."""
    return (
        f'<w:sectPr><w:footerReference w:type="default" r:id="{footer}" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"/>'
        '<w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1134" w:right="1134" w:bottom="1134" w:left="1134" '
        'w:header="567" w:footer="567" w:gutter="0"/></w:sectPr></w:body></w:document>'
    )


def footer(text: str) -> str:
    """The foot of each page: what it belongs to, and which page of how many it is."""
    page, pages = (
        f'<w:fldSimple w:instr="{name}"><w:r><w:t>1</w:t></w:r></w:fldSimple>' for name in ("PAGE", "NUMPAGES")
    )
    return (
        f'{_HEAD}<w:ftr {NAMES}><w:p><w:pPr><w:pStyle w:val="Footer"/></w:pPr><w:r>{_text(text)}<w:tab/></w:r>'
        f'{page}<w:r><w:t xml:space="preserve"> / </w:t></w:r>{pages}</w:p></w:ftr>'
    )


def properties(title: str, created: str | None) -> str:
    """What file managers show of the document."""
    when = f'<dcterms:created xsi:type="dcterms:W3CDTF">{created}</dcterms:created>' if created else ""
    return (
        f'{_HEAD}<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<dc:title>{escape(_NOT_XML.sub('', title))}</dc:title><dc:creator>Quire</dc:creator>{when}"
        "</cp:coreProperties>"
    )
