"""The real Web UI of an embedded server, and what a person does on its pages."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from playwright.async_api import Error, Locator, Page
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from quire.progress import Progress
from quire.request import Request
from runtime.temporal import embedded_server
from runtime.temporal.runs import Handle, start
from runtime.worker.host import hosted
from tests.conftest import free_port

ADDED = ("QuireRecipe", "QuireProgress", "QuirePercent", "QuireVerdict")
REMOVED = ("Run ID", "Type", "Start", "End")


@dataclass
class Ui:
    """A server with its Web UI, and a worker."""

    client: Client
    address: str

    async def begin(self, name: str, request: Request) -> Handle:
        """Start a run as `starter.py` does."""
        return await start(self.client, name, request)

    def list_url(self) -> str:
        return f"{self.address}/namespaces/default/workflows"

    def run_url(self, name: str) -> str:
        return f"{self.list_url()}/{quote(name, safe='')}"


@asynccontextmanager
async def served(home: Path) -> AsyncGenerator[Ui]:
    """The embedded server of a home of its own, as `starter.py up` has it."""
    port = free_port()
    await embedded_server.start(home, port)
    try:
        client = await Client.connect(f"{embedded_server.HOST}:{port}", data_converter=pydantic_data_converter)
        async with hosted(client):
            yield Ui(client, f"http://{embedded_server.HOST}:{port + 1000}")
    finally:
        await embedded_server.stop(home)


async def until(handle: Handle, reached: Callable[[Progress], bool], seconds: float = 60) -> Progress:
    """Wait until the run is that far."""
    async with asyncio.timeout(seconds):
        while not reached(progress := await handle.query("progress", result_type=Progress)):
            await asyncio.sleep(0.05)
    return progress


async def add_columns(page: Page) -> None:
    """Add Quire's columns to the list, by the button that is there for it."""
    await page.get_by_test_id("workflows-summary-table-configuration-button").click()
    for name in ADDED:
        await page.get_by_test_id(f"orderable-list-item-{name}-add-button").click()
    for name in REMOVED:
        await page.get_by_test_id(f"orderable-list-item-{name}-remove-button").click()
    await page.get_by_test_id("drawer-close-button").click()


async def cells(page: Page, name: str) -> list[str]:
    """What the list says of a run, by column."""
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
    await row.wait_for()
    return [" ".join(text.split()) for text in await row.get_by_role("cell").all_inner_texts()]


async def framed(page: Page, said: str) -> str:
    """The text of the rendered Markdown that says this: summary, details and current details are frames."""
    async with asyncio.timeout(30):
        while True:
            for frame in page.frames[1:]:
                with suppress(Error):  # the UI has put another in its place
                    text = (await frame.evaluate("document.body.innerText")).replace("\u00a0", " ")
                    if said in text:
                        return text
            await asyncio.sleep(0.1)


async def dialog(page: Page, kind: str) -> Locator:
    """Open More Actions, Send a Signal or Send an Update."""
    await page.get_by_role("button", name="More Actions").click()
    await page.get_by_role("menuitem", name=kind).click()
    opened = page.locator("dialog[open]")
    await opened.wait_for()
    return opened


async def messages(opened: Locator, kind: str) -> dict[str, str]:
    """The messages that a dialog offers, with what it says of each."""
    await opened.get_by_test_id(f"{kind.lower()}-select-button").click()
    await opened.get_by_role("option").nth(1).wait_for()  # besides the one for a name of one's own
    rows = [text.split("\n") for text in await opened.get_by_role("option").all_inner_texts()]
    return {name: " ".join(said) for name, *said in rows}


async def send(page: Page, kind: str, name: str, data: str = "") -> None:
    """Send a message as a person does."""
    opened = await dialog(page, kind)
    await opened.get_by_test_id(f"{kind.lower()}-select-button").click()
    await opened.get_by_role("option", name=name).first.click()
    if data:
        await opened.get_by_role("textbox").last.fill(data)
    await opened.get_by_role("button", name="Submit").click()
