"""`artifact.docx`: a Word document to read, fill in and sign. It is streamed with the standard library's zipfile:
python-docx keeps a whole document in memory, many gigabytes at 100,000 items."""

import asyncio
import re
import zipfile
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import IO
from xml.parsers import expat
from xml.sax.saxutils import unescape

from activities.output import word_package, word_xml
from activities.output.document_format import ITEM_LEVEL, DocumentFormat
from activities.output.output_format import ArtifactContext, ArtifactEntry, open_local_copy
from activities.store.object_store import Store, StoreWriter
from recipes.base.document_blocks import Block
from recipes.base.recipe import Item

_CONTENT = "word/document.xml"
_MAX_CONTENT = 200 << 20
"""Bytes of content beyond which a warning says that Word may not open it: Word allows 32 MB of text."""
_ZIP64_SLOTS = 50_000
"""Slots from which the content may exceed 2 GB, and needs a zip64 entry that older readers of zip files reject."""
_HEADING = f'<w:pStyle w:val="Heading{ITEM_LEVEL}"/>'.encode()
_TEXTS = re.compile(rb"<w:t(?: [^>]*)?>([^<]*)")
_EPOCH = (1980, 1, 1, 0, 0, 0)


class DocxFormat(DocumentFormat):
    """A Word document, written as one zip file from beginning to end."""

    address = file = "artifact.docx"

    def __init__(self, context: ArtifactContext, writer: StoreWriter) -> None:
        super().__init__(context, writer)
        self._sink = _ZipSink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED)  # pyright: ignore[reportArgumentType, reportCallIssue]
        self._size = 0

    async def begin(self) -> None:
        title = self.context.recipe.title
        parts = {
            "[Content_Types].xml": word_package.CONTENT_TYPES,
            "_rels/.rels": word_package.PACKAGE_RELATIONS,
            "word/_rels/document.xml.rels": word_package.DOCUMENT_RELATIONS,
            "word/styles.xml": word_package.STYLES,
            "word/numbering.xml": word_package.NUMBERING,
            "word/footer1.xml": word_xml.render_footer(f"{title} \u00b7 {self.context.workflow_id}"),
            "docProps/core.xml": word_xml.render_core_properties(title, self.context.started),
        }
        for name, text in parts.items():
            self._zip.writestr(_create_zip_entry(name), text.encode())
        self._content = self._zip.open(
            _create_zip_entry(_CONTENT), "w", force_zip64=len(self.context.slots) >= _ZIP64_SLOTS
        )
        await self.write(word_xml.render_document_start())
        await super().begin()

    def render(self, block: Block) -> Iterator[str]:
        return word_xml.render_block(block)

    async def write(self, text: str) -> None:
        self._size += self._content.write(text.encode())
        await self._flush_to_store()

    async def end(self, outlines: Sequence[Item]) -> list[str]:
        await super().end(outlines)
        await self.write(word_xml.render_document_end(word_package.FOOTER_RELATION))
        self._content.close()
        self._zip.close()
        await self._flush_to_store()
        if self._size <= _MAX_CONTENT:
            return []
        return [
            f"{self.address} holds {self._size >> 20} MB of text, which Word may not open; request markdown as well"
        ]

    async def _flush_to_store(self) -> None:
        data = self._sink.take()
        if data:
            await self.writer.write(data)

    @classmethod
    async def read_back(cls, store: Store, context: ArtifactContext) -> AsyncIterator[ArtifactEntry]:
        async with open_local_copy(store, cls.file) as copy:
            try:
                with zipfile.ZipFile(copy) as parts, parts.open(_CONTENT) as content:
                    for index, heading in enumerate(_read_headings(content)):
                        if index % 100 == 0:
                            await asyncio.sleep(0)
                        yield ArtifactEntry(heading, None)
            except (zipfile.BadZipFile, expat.ExpatError) as error:
                raise ValueError(f"not a Word document: {error}") from error


class _ZipSink:
    """Buffers what the zip file writes. It has no `seek`, so `zipfile` writes the file as a stream."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._chunks.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: `take` returns everything that was written."""

    def take(self) -> bytes:
        data = b"".join(self._chunks)
        self._chunks.clear()
        return data


def _create_zip_entry(name: str) -> zipfile.ZipInfo:
    """Return the zip entry of a part, with a fixed date and system so that the same items give the same bytes."""
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3
    info.external_attr = 0o644 << 16
    return info


def _read_headings(content: IO[bytes]) -> Iterator[str]:
    """Yield the items' headings. All content is parsed as XML to find faults that keep Word from opening it, but not as
    a tree, which would take about a hundred times the memory of the headings."""
    parser, remainder = expat.ParserCreate(), b""
    while piece := content.read(1 << 16):
        parser.Parse(piece)
        *paragraphs, remainder = (remainder + piece).split(b"</w:p>")
        for paragraph in paragraphs:
            if _HEADING in paragraph:
                yield unescape(b"".join(_TEXTS.findall(paragraph[paragraph.rindex(_HEADING) :])).decode())
    parser.Parse(b"", True)
