"""The real Web UI of an embedded server, and what a person does on its pages."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from playwright.async_api import Error, Locator, Page
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from quire.request import Request
from runtime.temporal import embedded_server
from runtime.temporal.runs import Handle, start_run
from tests.support.ports import find_free_port
from tests.support.workers import run_worker

ADDED = ("QuireRecipe", "QuireProgress", "QuirePercent", "QuireVerdict")
REMOVED = ("Run ID", "Type", "Start", "End")


@dataclass
class WebUi:
    """A server with its Web UI, and a worker."""

    client: Client
    address: str

    async def start_run(self, name: str, request: Request) -> Handle:
        """Start a run as `starter.py` does."""
        return await start_run(self.client, name, request)

    def list_url(self) -> str:
        return f"{self.address}/namespaces/default/workflows"

    def run_url(self, name: str) -> str:
        return f"{self.list_url()}/{quote(name, safe='')}"


@asynccontextmanager
async def serve_web_ui(home: Path) -> AsyncGenerator[WebUi]:
    """Run an embedded server with its own home and a worker, as `starter.py up` does."""
    port = find_free_port()
    await embedded_server.start_server(home, port)
    try:
        client = await Client.connect(f"{embedded_server.HOST}:{port}", data_converter=pydantic_data_converter)
        async with run_worker(client):
            yield WebUi(client, f"http://{embedded_server.HOST}:{port + 1000}")
    finally:
        await embedded_server.stop_server(home)


async def add_columns(page: Page) -> None:
    """Add Quire's columns to the list, with the list's own button for that."""
    await page.get_by_test_id("workflows-summary-table-configuration-button").click()
    for name in ADDED:
        await page.get_by_test_id(f"orderable-list-item-{name}-add-button").click()
    for name in REMOVED:
        await page.get_by_test_id(f"orderable-list-item-{name}-remove-button").click()
    await page.get_by_test_id("drawer-close-button").click()


async def read_row(page: Page, name: str) -> list[str]:
    """Return the cells of a run's row in the list."""
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
    await row.wait_for()
    return [" ".join(text.split()) for text in await row.get_by_role("cell").all_inner_texts()]


async def read_frame(page: Page, words: str) -> str:
    """Return the text of the frame that contains these words: summary, details and current details are frames."""
    async with asyncio.timeout(30):
        while True:
            for frame in page.frames[1:]:
                with suppress(Error):  # the UI has put another in its place
                    text = (await frame.evaluate("document.body.innerText")).replace("\u00a0", " ")
                    if words in text:
                        return text
            await asyncio.sleep(0.1)


async def open_dialog(page: Page, kind: str) -> Locator:
    """Open More Actions, Send a Signal or Send an Update."""
    await page.get_by_role("button", name="More Actions").click()
    await page.get_by_role("menuitem", name=kind).click()
    opened = page.locator("dialog[open]")
    await opened.wait_for()
    return opened


async def list_messages(opened: Locator, kind: str) -> dict[str, str]:
    """Return the messages that a dialog offers, each with its description."""
    await opened.get_by_test_id(f"{kind.lower()}-select-button").click()
    await opened.get_by_role("option").nth(1).wait_for()  # besides the one for a name of one's own
    rows = [text.split("\n") for text in await opened.get_by_role("option").all_inner_texts()]
    return {name: " ".join(description) for name, *description in rows}


async def send_message(page: Page, kind: str, name: str, data: str = "") -> None:
    """Send a message as a person does."""
    opened = await open_dialog(page, kind)
    await opened.get_by_test_id(f"{kind.lower()}-select-button").click()
    await opened.get_by_role("option", name=name).first.click()
    if data:
        await opened.get_by_role("textbox").last.fill(data)
    await opened.get_by_role("button", name="Submit").click()
