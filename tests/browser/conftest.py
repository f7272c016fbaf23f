"""The browser that a test looks through."""

from collections.abc import AsyncGenerator

import pytest_asyncio
from playwright.async_api import Browser

from tests.support.chromium import open_browser


@pytest_asyncio.fixture(loop_scope="session")
async def browser() -> AsyncGenerator[Browser]:
    """A headless browser for this test alone."""
    async with open_browser() as opened_browser:
        yield opened_browser
