"""The forms that a request can ask for, and an artifact in all of them, written in one pass over the items."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from activities.output.csv_format import CsvForm
from activities.output.docx_format import DocxForm
from activities.output.json_format import JsonForm
from activities.output.jsonl_format import DatasetForm, LinesForm
from activities.output.markdown_format import MarkdownForm
from activities.output.output_format import Bound, Form
from activities.output.parquet_format import ParquetForm
from activities.store.object_store import Store
from quire.request import Format, Request
from recipes.base.recipe import InputError, Item

FORMS: dict[Format, type[Form]] = {
    "json": JsonForm,
    "jsonl": LinesForm,
    "csv": CsvForm,
    "parquet": ParquetForm,
    "hf": DatasetForm,
    "markdown": MarkdownForm,
    "docx": DocxForm,
}


class Forms:
    """The open forms of an artifact; items are added in slot order."""

    def __init__(self, forms: Sequence[Form]) -> None:
        self._forms = forms

    async def add(self, item: Item) -> None:
        """Write a finished item."""
        for form in self._forms:
            await form.add(item)

    async def end(self, outlines: Sequence[Item]) -> list[str]:
        """Write what goes after them; what a person should know."""
        return [said for form in self._forms for said in await form.end(outlines)]


@asynccontextmanager
async def opened(kinds: Sequence[Format], bound: Bound, store: Store, *, into: str = "") -> AsyncGenerator[Forms]:
    """The forms of an artifact, below `into`; they are whole when the block ends."""
    async with AsyncExitStack() as stack:
        forms: list[Form] = []
        for kind in dict.fromkeys(kinds):
            form = FORMS[kind]
            forms.append(form(bound, await stack.enter_async_context(store.writer(into + form.file))))
        for form in forms:
            for key, data in form.beside().items():
                await store.put(into + key, data)
            await form.begin()
        yield Forms(forms)


def must_be_installed(request: Request) -> None:
    """Raise InputError where a form needs what is not installed here."""
    for index, kind in enumerate(request.output.formats):
        lacks = FORMS[kind].lacks()
        if lacks:
            raise InputError(f"output.formats.{index}", lacks)
