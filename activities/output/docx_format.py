"""`artifact.docx`: a document in Word's form, to be read, filled in and signed. Written as it comes, on the standard
library's zip: python-docx holds a whole document, at 100,000 items many gigabytes."""

import asyncio
import re
import zipfile
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import IO
from xml.parsers import expat
from xml.sax.saxutils import unescape

from activities.output import word_package, word_xml
from activities.output.document_format import ITEM, ReadingForm
from activities.output.output_format import Bound, Entry, fetched
from activities.store.object_store import Store, Writer
from recipes.base.document_blocks import Block
from recipes.base.recipe import Item

_CONTENT = "word/document.xml"
_LARGEST = 200 << 20
"""Bytes of content from which it is told that Word may not open it: Word takes 32 MB of text."""
_HUGE = 50_000
"""Items from which the content may pass 2 GB, which older readers of zip files cannot take."""
_HEADING = f'<w:pStyle w:val="Heading{ITEM}"/>'.encode()
_TEXTS = re.compile(rb"<w:t(?: [^>]*)?>([^<]*)")
_EPOCH = (1980, 1, 1, 0, 0, 0)


class DocxForm(ReadingForm):
    """One zip file, written from front to end."""

    address = file = "artifact.docx"

    def __init__(self, bound: Bound, file: Writer) -> None:
        super().__init__(bound, file)
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED)  # pyright: ignore[reportArgumentType, reportCallIssue]
        self._size = 0

    async def begin(self) -> None:
        title = self.bound.recipe.title
        parts = {
            "[Content_Types].xml": word_package.TYPES,
            "_rels/.rels": word_package.RELATIONS,
            "word/_rels/document.xml.rels": word_package.DOCUMENT_RELATIONS,
            "word/styles.xml": word_package.STYLES,
            "word/numbering.xml": word_package.NUMBERING,
            "word/footer1.xml": word_xml.footer(f"{title} \u00b7 {self.bound.run}"),
            "docProps/core.xml": word_xml.properties(title, self.bound.started),
        }
        for name, text in parts.items():
            self._zip.writestr(_entry(name), text.encode())
        self._content = self._zip.open(_entry(_CONTENT), "w", force_zip64=len(self.bound.slots) >= _HUGE)
        await self.write(word_xml.document_start())
        await super().begin()

    def render(self, block: Block) -> Iterator[str]:
        return word_xml.block_xml(block)

    async def write(self, text: str) -> None:
        self._size += self._content.write(text.encode())
        await self._pass_on()

    async def end(self, outlines: Sequence[Item]) -> list[str]:
        await super().end(outlines)
        await self.write(word_xml.document_end(word_package.FOOTER))
        self._content.close()
        self._zip.close()
        await self._pass_on()
        if self._size <= _LARGEST:
            return []
        return [f"{self.address} holds {self._size >> 20} MB: Word may not open it; ask for markdown as well"]

    async def _pass_on(self) -> None:
        data = self._sink.taken()
        if data:
            await self.out.write(data)

    @classmethod
    async def read_back(cls, store: Store, bound: Bound) -> AsyncIterator[Entry]:
        async with fetched(store, cls.file) as copy:
            try:
                with zipfile.ZipFile(copy) as parts, parts.open(_CONTENT) as content:
                    for at, heading in enumerate(_headings(content)):
                        if at % 100 == 0:
                            await asyncio.sleep(0)
                        yield Entry(heading, None)
            except (zipfile.BadZipFile, expat.ExpatError) as error:
                raise ValueError(f"not a Word document: {error}") from error


class _Sink:
    """Takes what the zip writes until it is passed on. It cannot be wound back."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._held.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back from `taken`."""

    def taken(self) -> bytes:
        data = b"".join(self._held)
        self._held.clear()
        return data


def _entry(name: str) -> zipfile.ZipInfo:
    """A part's place in the zip, the same on every day and system."""
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3
    info.external_attr = 0o644 << 16
    return info


def _headings(content: IO[bytes]) -> Iterator[str]:
    """The items' headings. The whole is read as XML, so that what Word could not open is found; a tree of it would
    be some hundred times the headings."""
    parser, rest = expat.ParserCreate(), b""
    while piece := content.read(1 << 16):
        parser.Parse(piece)
        *paragraphs, rest = (rest + piece).split(b"</w:p>")
        for paragraph in paragraphs:
            if _HEADING in paragraph:
                yield unescape(b"".join(_TEXTS.findall(paragraph[paragraph.rindex(_HEADING) :])).decode())
    parser.Parse(b"", True)
