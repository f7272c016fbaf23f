"""The picture of a run's page that the README and docs/report.md show: a run with faults, by the offline simulator."""

import os
from pathlib import Path

from playwright.async_api import Browser

from benchmarks.harness import run, server
from simulator.options import Options
from tests.browser.reports import opened
from tests.conftest import example

FAULTS = Options(seed=3, latency=0.5, cut_off=0.12, too_few=0.15, refusal=0.02, rate_limit=0.08, retry_after=0.5,
                 duplicates=0.03)  # fmt: skip


async def picture(browser: Browser, into: Path) -> None:
    """Make a run, open its page, and write `report.png` into a folder."""
    before = dict(os.environ)
    try:
        async with server() as (client, folder):
            request = example(
                "eval_dataset", Path(folder), batching={"size": 4, "concurrency": 6}, retry={"attempts": 1}
            )
            await run(client, request, "support-cases", FAULTS)
            seen = await opened(browser, Path(folder) / "support-cases" / "report.html", width=1100, height=1180)
            await seen.page.screenshot(path=into / "report.png")
            await seen.page.context.close()
    finally:
        os.environ.clear()
        os.environ.update(before)
