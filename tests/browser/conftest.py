"""A real browser: Debian's Chromium, driven by playwright. Nothing is downloaded."""

import os
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


@asynccontextmanager
async def opened() -> AsyncGenerator[Browser]:
    """A headless browser; skips the test where none is installed."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=path, args=[*root, "--disable-dev-shm-usage"])
        try:
            yield browser
        finally:
            await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def browser() -> AsyncGenerator[Browser]:
    """A headless browser of this test's own."""
    async with opened() as made:
        yield made


async def page_of(
    browser: Browser, *, width: int = 1280, height: int = 900, scheme: Literal["light", "dark"] = "light"
) -> Page:
    """A page of this size."""
    context = await browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    return await context.new_page()
