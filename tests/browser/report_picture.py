"""The picture of a report in the README and docs/report.md: a run with faults, by the offline simulator."""

import os
from pathlib import Path

from playwright.async_api import Browser

from simulator.options import Options
from tests.browser.report_pages import open_report
from tests.support.requests import example_request
from tests.support.servers import run_embedded_server, run_with_simulator

FAULTS = Options(seed=3, latency=0.5, cut_off=0.12, too_few=0.15, refusal=0.02, rate_limit=0.08, retry_after=0.5,
                 duplicates=0.03)  # fmt: skip


async def draw_report(browser: Browser, into: Path) -> None:
    """Make a run, open its page, and write `report.png` into a folder."""
    before = dict(os.environ)
    try:
        async with run_embedded_server() as (client, folder):
            request = example_request(
                "eval_dataset", Path(folder), batching={"size": 4, "concurrency": 6}, retry={"attempts": 1}
            )
            await run_with_simulator(client, request, "support-cases", FAULTS)
            report = await open_report(browser, Path(folder) / "support-cases" / "report.html", width=1100, height=1180)
            await report.page.screenshot(path=into / "report.png")
            await report.page.context.close()
    finally:
        os.environ.clear()
        os.environ.update(before)
