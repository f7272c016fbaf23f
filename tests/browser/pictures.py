"""Pictures of the README and the docs, drawn from real runs: `uv run python -m tests.browser.pictures [NAME…]`."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import Browser, Page

from runtime.paths import ROOT
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.browser import report_picture, web_ui
from tests.browser.picture_terminal import PictureTerminal, draw_picture
from tests.support.chromium import open_browser, open_page
from tests.support.ports import find_free_port
from tests.support.requests import example_request, oq_request
from tests.support.runs import wait_for_progress

FOLDER = ROOT / "docs" / "pictures"
TYPED = "uv run starter.py run examples/eval_dataset.yaml"
EVALS, PAUSED, PARTIAL, DONE = "eval-dataset-shop-31c0", "topic-dataset-systems-b2e6", "roadmap-5d07", "oq-suite-7f3a"
CALLS = {"size": 5, "concurrency": 4}


async def draw_terminal(browser: Browser, into: Path) -> None:
    """Write `terminal-running.png`."""
    with tempfile.TemporaryDirectory() as folder, SimulatorServer(Options(latency=1.2)) as model:
        examples = shutil.copytree(ROOT / "examples", Path(folder) / "examples")
        request = examples / "eval_dataset.yaml"
        request.write_text(
            request.read_text().replace("size: 20", "size: 5").replace("concurrency: 8", "concurrency: 4")
        )
        env = {
            key: value for key, value in os.environ.items() if not key.startswith(("OPENAI_", "TEMPORAL_", "QUIRE_"))
        }
        env |= {
            "QUIRE_HOME": f"{folder}/.quire",
            "QUIRE_PORT": str(find_free_port()),
            "OPENAI_BASE_URL": model.base_url,
        }
        starter = [sys.executable, str(ROOT / "starter.py")]
        terminal = PictureTerminal([*starter, "run", "examples/eval_dataset.yaml"], cwd=Path(folder), env=env)
        try:
            await asyncio.to_thread(terminal.wait_until, _is_half_way)
            await draw_picture(browser, terminal.to_html(TYPED), into / "terminal-running.png")
        finally:
            code = await asyncio.to_thread(terminal.close)
            down = subprocess.run([*starter, "down"], cwd=folder, env=env, capture_output=True, timeout=60, check=False)
        assert (code, down.returncode) == (0, 0), terminal.text()


def _is_half_way(text: str) -> bool:
    return any(40 <= int(items) < 100 for items in re.findall(r"(\d+)\s?(?:/|of)\s?100\b", text))


async def draw_web_ui(browser: Browser, into: Path) -> None:
    """Write `web-ui-list.png`, `web-ui-run.png`, `web-ui-timeline.png` and `web-ui-signal.png`."""
    with tempfile.TemporaryDirectory() as folder, SimulatorServer(Options()) as model:
        os.environ["OPENAI_BASE_URL"] = model.base_url
        os.environ.pop("OPENAI_API_KEY", None)
        os.chdir(folder)  # so that the store is told as `runs`
        async with web_ui.serve_web_ui(Path(folder) / "home") as served:
            evals = await _start_runs(served, model)
            page = await open_page(browser, width=1440, height=620)
            await page.goto(served.list_url())
            await web_ui.add_columns(page)
            await web_ui.read_row(page, EVALS)
            await _take_screenshot(page, into / "web-ui-list.png")
            await page.set_viewport_size({"width": 1280, "height": 1000})
            await page.goto(served.run_url(EVALS))
            await page.get_by_text("generate • batch").first.wait_for()
            await page.get_by_role("heading", name="Timeline").evaluate("it => it.scrollIntoView()")
            await _take_screenshot(page, into / "web-ui-timeline.png")
            await page.get_by_test_id("user-metadata-tab").click()
            await web_ui.read_frame(page, "Generated")
            await _take_screenshot(page, into / "web-ui-run.png")
            await web_ui.list_messages(await web_ui.open_dialog(page, "Signal"), "Signal")
            await page.set_viewport_size({"width": 1280, "height": 700})
            await _take_screenshot(page, into / "web-ui-signal.png")
            await evals.signal("finish_now")
            await evals.result()
        os.chdir(ROOT)


async def _start_runs(served: web_ui.WebUi, model: SimulatorServer) -> web_ui.Handle:
    """Make a complete run, a partial one and a paused one, and return the handle of one that is half way."""
    store = Path("runs")
    await (await served.start_run(DONE, oq_request(store))).result()
    model.simulator.options = Options(poison="[Ww]eek 5")
    partial = example_request("roadmap", store, on_failure="skip", retry={"attempts": 1})
    await (await served.start_run(PARTIAL, partial)).result()
    model.simulator.options = Options(latency=0.5)
    paused = await served.start_run(PAUSED, example_request("topic_dataset", store, batching={"concurrency": 4}))
    await wait_for_progress(paused, lambda progress: progress.items >= 15)
    await paused.signal("pause")
    await wait_for_progress(paused, lambda progress: progress.stage == "paused" and not progress.in_flight)
    evals = await served.start_run(EVALS, example_request("eval_dataset", store, batching=CALLS))
    await wait_for_progress(evals, lambda progress: progress.items >= 55)
    model.simulator.options = Options(latency=20)
    await wait_for_progress(evals, lambda progress: progress.items >= 60 and progress.in_flight == 4)
    return evals


async def _take_screenshot(page: Page, into: Path) -> None:
    """Write a picture of the visible page once frames and fonts have settled."""
    await page.wait_for_timeout(1500)
    await page.screenshot(path=into)


PICTURES: dict[str, Callable[[Browser, Path], Awaitable[None]]] = {
    "terminal": draw_terminal,
    "web-ui": draw_web_ui,
    "report": report_picture.draw_report,
}


async def main(names: list[str]) -> int:
    """Draw the pictures of these names, or all."""
    unknown = [name for name in names if name not in PICTURES]
    if unknown:
        print(f"there is no picture '{unknown[0]}'; there are: {', '.join(PICTURES)}", file=sys.stderr)
        return 2
    FOLDER.mkdir(parents=True, exist_ok=True)
    async with open_browser() as browser:
        for name in names or PICTURES:
            await PICTURES[name](browser, FOLDER)
            print(name)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
