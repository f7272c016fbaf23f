"""Documents as inputs: their ids and tables are read, and what cannot be read is reported in words."""

import io
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from activities.documents import docx_text
from activities.documents.input_files import read_input_file
from activities.documents.text_cleanup import clean_up_text
from recipes.base.recipe import InputError
from recipes.oq_suite.requirements import find_requirements
from tests.support import document_files


def normalize_words(text: str) -> str:
    return " ".join(text.replace("|", " ").split())


@pytest.mark.parametrize("kind", ["pdf", "docx"])
def test_a_specification_gives_the_same_requirements_as_its_text(tmp_path, kind):
    file = tmp_path / f"urs.{kind}"
    getattr(document_files, f"write_urs_{kind}")(file)
    requirements = find_requirements(read_input_file(file, "inputs.urs"))
    assert [requirement.id for requirement in requirements] == [
        requirement.id for requirement in document_files.REQUIREMENTS
    ]
    for requirement, expected in zip(requirements, document_files.REQUIREMENTS, strict=True):
        assert normalize_words(expected.text) in normalize_words(requirement.text)
        assert requirement.section == expected.section
        assert "Confidential" not in requirement.text and "Acme" not in requirement.text


def test_ids_broken_over_lines_of_a_pdf_are_joined(tmp_path):
    file = tmp_path / "urs.pdf"
    lines = (
        "URS-001: The system shall do as URS-", "007 says and keep re-", "cords, as in URS",
        "-008. It shall also follow REQ-12-",
        "03 and the \ufb01rst of\ufb01ce rule in AB\u20119.", "URS-", "002: The sys\u00adtem shall print.",
    )  # fmt: skip
    document_files.write_lines_pdf(file, *lines)
    first, second = find_requirements(read_input_file(file, "inputs.urs"))
    assert (first.id, second.id, second.text) == ("URS-001", "URS-002", "The system shall print.")
    for words in ("as URS-007 says", "keep records", "in URS-008.", "REQ-12-03", "first office rule in AB-9"):
        assert words in first.text


def test_text_cleanup_joins_hyphenated_words_and_ids():
    assert clean_up_text("URS\u2013007 and re\u00ad\nquirement, 5\u20137 days\r\nURS-\n  010") == (
        "URS-007 and requirement, 5\u20137 days\nURS-010\n"
    )


def test_automatic_numbers_of_word_are_read_as_ids(tmp_path):
    file = tmp_path / "urs.docx"
    document_files.write_numbered_docx(file, "The system shall log.", "It shall | print.")
    assert [
        (requirement.id, normalize_words(requirement.text))
        for requirement in find_requirements(read_input_file(file, "inputs.urs"))
    ] == [
        ("URS-001", "The system shall log."),
        ("URS-002", "It shall / print."),
    ]


def test_only_the_visible_text_of_a_word_document_is_read():
    body = (
        '<w:p><w:pPr><w:pStyle w:val="berschrift1"/></w:pPr><w:r><w:t>Umfang</w:t></w:r></w:p>'
        '<w:p><w:pPr><w:pStyle w:val="Verz1"/></w:pPr><w:r><w:t>URS-001 3</w:t></w:r></w:p>'
        "<w:p><w:r><w:t>URS</w:t><w:noBreakHyphen/><w:t>001 keeps</w:t><w:tab/>"
        "<w:t>rec</w:t><w:softHyphen/><w:t>ords</w:t></w:r>"
        "<w:del><w:r><w:delText>never</w:delText></w:r></w:del><w:ins><w:r><w:t> always</w:t></w:r></w:ins></w:p>"
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>URS-002 prints</w:t></w:r></w:p></w:sdtContent></w:sdt>"
        '<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val="2"/></w:tcPr><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc></w:tr>'
        "<w:tr><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p><w:p><w:r><w:t>c</w:t></w:r></w:p></w:tc>"
        "<w:tc><w:tbl><w:tr><w:tc><w:p><w:r><w:t>d</w:t></w:r></w:p></w:tc></w:tr></w:tbl><w:p/></w:tc></w:tr></w:tbl>"
    )
    styles = "".join(
        f'<w:style w:styleId="{id}"><w:name w:val="{name}"/></w:style>'
        for id, name in (("berschrift1", "heading 1"), ("Verz1", "toc 1"))
    )
    text = docx_text.read_docx_text(document_files.docx_bytes(body, styles=styles), "x.docx", "inputs.urs")
    rows = "| a |  |\n| --- | --- |\n| b c | d |\n"
    assert text == f"# Umfang\n\nURS-001 keeps records always\n\nURS-002 prints\n\n{rows}"


def make_zip_bomb() -> bytes:
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(document_files.docx_bytes(""))) as small,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as large,
    ):
        large.writestr("_rels/.rels", small.read("_rels/.rels"))
        with large.open("word/document.xml", "w") as part:
            for _ in range(docx_text.MAX_PART_BYTES // 1_000_000 + 1):
                part.write(b"<w:p>" * 200_000)
    return file.getvalue()


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha">]>'


def make_other_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("hello.txt", "hello")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.pdf", b"", "is empty"),
        ("x.docx", b" \n", "is empty"),
        ("x.pdf", b"%PDF-1.7\nbroken", "damaged"),
        ("x.pdf", b"hello", "is not a PDF"),
        ("x.docx", b"hello", "is not a DOCX"),
        ("x.docx", b"PK\x03\x04broken", "damaged"),
        ("x.docx", document_files.docx_bytes("<w:p>")[:-40], "damaged"),
        ("x.docx", document_files.docx_bytes("<w:p>"), "damaged"),
        ("x.docx", document_files.docx_bytes("<w:p/>"), "has no text"),
        ("x.docx", make_other_zip(), "zip file of something else"),
        ("x.docx", b"\xd0\xcf\x11\xe0" + b"\0" * 600, "without a password"),
        ("x.doc", b"\xd0\xcf\x11\xe0" + b"\0" * 600, "old format"),
        ("x.odt", b"PK\x03\x04", "save it as .docx"),
        ("x.txt", b"%PDF-1.7", "must end in .pdf"),
        ("x.md", document_files.docx_bytes("<w:p/>"), "must end in .docx"),
        ("x.txt", b"\xff\xfe\x00", "not UTF-8"),
    ],
)
def test_an_unreadable_document_is_reported_with_file_and_field(tmp_path, name, data, message):
    file = tmp_path / name
    file.write_bytes(data)
    with pytest.raises(InputError, match=message) as raised:
        read_input_file(file, "inputs.urs")
    assert str(file) in str(raised.value) and raised.value.field == "inputs.urs"


def test_a_zip_bomb_or_an_entity_bomb_is_not_unpacked(tmp_path):
    file = tmp_path / "bomb.docx"
    file.write_bytes(make_zip_bomb())
    assert file.stat().st_size < 1_000_000
    with pytest.raises(InputError, match="more than 100 MB"):
        read_input_file(file, "inputs.urs")
    laughing = document_files.docx_bytes("<w:p/>")
    with zipfile.ZipFile(io.BytesIO(laughing)) as archive:
        xml = archive.read("word/document.xml").decode()
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(laughing)) as old, zipfile.ZipFile(changed, "w") as new:
        new.writestr("_rels/.rels", old.read("_rels/.rels"))
        new.writestr("word/document.xml", LAUGHS + xml)
    with pytest.raises(InputError, match="declarations"):
        docx_text.read_docx_text(changed.getvalue(), "x.docx", "inputs.urs")


def test_scanned_pages_are_reported_by_number(tmp_path):
    file = tmp_path / "scan.pdf"
    document_files.write_scan_pdf(file)
    with pytest.raises(InputError, match="no text: its 3 pages are pictures"):
        read_input_file(file, "inputs.urs")
    document_files.write_scan_pdf(file, text_on_first=True)
    with pytest.raises(InputError, match="page 2, 3 is a picture"):
        read_input_file(file, "inputs.urs")


def test_an_encrypted_pdf_is_reported(tmp_path):
    file = tmp_path / "secret.pdf"
    document_files.write_lines_pdf(file, "URS-001 The system shall log.", password="secret")
    with pytest.raises(InputError, match="is encrypted"):
        read_input_file(file, "inputs.urs")


def test_a_pdf_without_the_documents_extra_names_the_install_command(tmp_path, monkeypatch):
    file = tmp_path / "urs.pdf"
    document_files.write_lines_pdf(file, "URS-001 The system shall log.")
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    with pytest.raises(InputError, match="uv sync --extra documents"):
        read_input_file(file, "inputs.urs")


def test_lines_that_differ_only_in_ids_or_numbers_are_all_kept(tmp_path):
    file = tmp_path / "urs.pdf"
    document_files.write_pages_pdf(file, *(f"URS-{number:03d} Log the event." for number in range(1, 10)))
    assert len(find_requirements(read_input_file(file, "inputs.urs"))) == 9
    rows = [f"limit {number} is {2 * number}" for number in range(1, 100)]
    document_files.write_pages_pdf(file, *("\n".join(rows[at : at + 11]) for at in range(0, 99, 11)))
    assert [row for row in read_input_file(file, "inputs.urs").splitlines() if row] == rows


def test_several_threads_can_read_pdfs_at_once(tmp_path):
    file = tmp_path / "urs.pdf"
    document_files.write_urs_pdf(file)
    with ThreadPoolExecutor(8) as threads:
        texts = set(threads.map(lambda _: read_input_file(file, "inputs.urs"), range(32)))
    assert len(texts) == 1
