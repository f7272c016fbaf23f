"""PDFs and DOCX files as people have them, made when a test needs one."""

import io
import zipfile
from pathlib import Path
from typing import Any

from docx import Document
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table, TableStyle

from recipes.oq_suite.requirements import find_requirements
from tests.support.requests import URS

FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
REQUIREMENTS = find_requirements(URS.read_text())


def write_urs_pdf(file: Path) -> None:
    """Write the example's specification as a PDF: headings, running header and footer, half of it in tables."""
    plain, head = (getSampleStyleSheet()[name] for name in ("Normal", "Heading2"))
    parts: list[Any] = []
    section = ""
    for index, requirement in enumerate(REQUIREMENTS):
        if requirement.section != section:
            section = requirement.section
            parts.append(Paragraph(section, head))
        if index % 2:
            parts.append(Paragraph(f"{requirement.id}: {requirement.text}", plain))
            parts.append(Paragraph("&nbsp;", plain))
        else:
            cells = [str(index), requirement.id, Paragraph(requirement.text, plain), "High"]
            parts.append(
                Table([cells], colWidths=[30, 60, 300, 50], style=TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP")]))
            )

    def around(canvas: Any, document: Any) -> None:
        canvas.drawString(50, 815, f"Acme Laboratories   URS-CHR-01   page {document.page} of 9")
        canvas.drawString(50, 20, f"Confidential, printed copy {document.page} is not controlled")

    SimpleDocTemplate(str(file), pagesize=(420, 420), topMargin=60, bottomMargin=60).build(
        parts, onFirstPage=around, onLaterPages=around
    )


def write_lines_pdf(file: Path, *lines: str, password: str = "") -> None:
    """Write a PDF of these lines, one below the other."""
    pdfmetrics.registerFont(TTFont("DejaVu", str(FONT)))
    canvas = Canvas(str(file), pagesize=A4, encrypt=StandardEncryption(password) if password else None)
    for row, line in enumerate(lines):
        canvas.setFont("DejaVu", 11)
        canvas.drawString(50, 800 - 14 * row, line)
    canvas.save()


def write_pages_pdf(file: Path, *texts: str) -> None:
    """Write a PDF with a page for each text."""
    canvas = Canvas(str(file), pagesize=A4)
    for text in texts:
        for row, line in enumerate(text.split("\n")):
            canvas.drawString(50, 800 - 14 * row, line)
        canvas.showPage()
    canvas.save()


def write_scan_pdf(file: Path, *, text_on_first: bool = False) -> None:
    """Write a PDF whose pages are pictures."""
    from PIL import Image

    canvas = Canvas(str(file), pagesize=A4)
    picture = ImageReader(Image.new("L", (600, 800), 200))
    for page in range(3):
        if text_on_first and not page:
            canvas.drawString(50, 800, "URS-001 The system shall log.")
        else:
            canvas.drawImage(picture, 0, 0, width=590, height=840)
        canvas.showPage()
    canvas.save()


def write_urs_docx(file: Path) -> None:
    """Write the example's specification as Word does: headings, and tables of requirements."""
    document = Document()
    section, table = "", None
    for index, requirement in enumerate(REQUIREMENTS):
        if requirement.section != section:
            section = requirement.section
            document.add_heading(section, 2)
            table = document.add_table(rows=1, cols=4)
            for cell, text in zip(table.rows[0].cells, ("No", "ID", "Requirement", "Risk"), strict=True):
                cell.text = text
        assert table is not None
        for cell, text in zip(
            table.add_row().cells, (str(index + 1), requirement.id, requirement.text, "High"), strict=True
        ):
            cell.text = text
    document.save(str(file))


def write_numbered_docx(file: Path, *texts: str) -> None:
    """Write paragraphs that Word numbers URS-001, URS-002, …, inside a table: the numbers are not in the text."""
    document = Document()
    numbering = document.part.numbering_part.element
    kind = _element("w:abstractNum", **{"w:abstractNumId": "77"})
    level = _element("w:lvl", **{"w:ilvl": "0"})
    for name, value in (("w:start", "1"), ("w:numFmt", "decimal"), ("w:lvlText", "URS-00%1")):
        level.append(_element(name, **{"w:val": value}))
    kind.append(level)
    numbering.insert(0, kind)
    number = _element("w:num", **{"w:numId": "77"})
    number.append(_element("w:abstractNumId", **{"w:val": "77"}))
    numbering.append(number)
    table = document.add_table(rows=0, cols=2)
    for text in texts:
        first, second = table.add_row().cells
        properties = first.paragraphs[0]._p.get_or_add_pPr()
        numbering_properties = _element("w:numPr")
        numbering_properties.append(_element("w:ilvl", **{"w:val": "0"}))
        numbering_properties.append(_element("w:numId", **{"w:val": "77"}))
        properties.append(numbering_properties)
        second.text = text
    document.save(str(file))


def _element(name: str, **attributes: str) -> Any:
    element = OxmlElement(name)
    for key, value in attributes.items():
        element.set(qn(key), value)
    return element


def docx_bytes(body: str, *, styles: str = "") -> bytes:
    """Return the smallest DOCX that has this body."""
    names = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "_rels/.rels",
            f'<Relationships><Relationship Type="{relation}" Target="word/document.xml"/></Relationships>',
        )
        archive.writestr("word/document.xml", f"<w:document {names}><w:body>{body}</w:body></w:document>")
        if styles:
            archive.writestr("word/styles.xml", f"<w:styles {names}>{styles}</w:styles>")
    return file.getvalue()
