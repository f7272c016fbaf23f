"""The forms that a request can ask for, and an artifact in all of them, written in one pass over the items."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from activities.forms.csv_form import CsvForm
from activities.forms.docx_form import DocxForm
from activities.forms.form import Bound, Form
from activities.forms.json_form import JsonForm
from activities.forms.lines_form import DatasetForm, LinesForm
from activities.forms.markdown_form import MarkdownForm
from activities.forms.parquet_form import ParquetForm
from activities.store import Store
from quire.request import Format, Request
from recipes.spine import InputError, Item

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
