"""All output formats, and a writer that writes an artifact in several of them in one pass over the items."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from activities.output.csv_format import CsvFormat
from activities.output.docx_format import DocxFormat
from activities.output.json_format import JsonFormat
from activities.output.jsonl_format import HuggingFaceFormat, JsonlFormat
from activities.output.markdown_format import MarkdownFormat
from activities.output.output_format import ArtifactContext, OutputFormat
from activities.output.parquet_format import ParquetFormat
from activities.store.object_store import Store
from quire.request import Format, Request
from recipes.base.recipe import InputError, Item

OUTPUT_FORMATS: dict[Format, type[OutputFormat]] = {
    "json": JsonFormat,
    "jsonl": JsonlFormat,
    "csv": CsvFormat,
    "parquet": ParquetFormat,
    "hf": HuggingFaceFormat,
    "markdown": MarkdownFormat,
    "docx": DocxFormat,
}


class ArtifactWriter:
    """Writes each item in all formats of an artifact. Items are added in slot order."""

    def __init__(self, formats: Sequence[OutputFormat]) -> None:
        self._formats = formats

    async def add_item(self, item: Item) -> None:
        """Write a finished item."""
        for output_format in self._formats:
            await output_format.add_item(item)

    async def end(self, outlines: Sequence[Item]) -> list[str]:
        """Write what follows the items, and return the warnings of all formats."""
        return [warning for output_format in self._formats for warning in await output_format.end(outlines)]


@asynccontextmanager
async def open_artifact_writer(
    names: Sequence[Format], context: ArtifactContext, store: Store, *, into: str = ""
) -> AsyncGenerator[ArtifactWriter]:
    """Open the files of an artifact in the named formats, with `into` before their keys; the files are complete when
    the block ends."""
    async with AsyncExitStack() as stack:
        formats: list[OutputFormat] = []
        for name in dict.fromkeys(names):
            format_class = OUTPUT_FORMATS[name]
            writer = await stack.enter_async_context(store.open_writer(into + format_class.file))
            formats.append(format_class(context, writer))
        for output_format in formats:
            for key, data in output_format.create_extra_files().items():
                await store.put(into + key, data)
            await output_format.begin()
        yield ArtifactWriter(formats)


def check_installed(request: Request) -> None:
    """Raise InputError if a requested format needs a package that is not installed."""
    for index, name in enumerate(request.output.formats):
        missing = OUTPUT_FORMATS[name].find_missing_package()
        if missing:
            raise InputError(f"output.formats.{index}", missing)
