"""The pictures of the README and the docs, of real runs: `uv run python -m tests.browser.pictures [NAME…]`."""

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

from simulator.options import Options
from simulator.server import SimulatorServer
from tests.browser import report_picture, ui
from tests.browser.conftest import opened, page_of
from tests.browser.terminal import Terminal, draw
from tests.conftest import ROOT, example, free_port, oq

INTO = ROOT / "docs" / "pictures"
TYPED = "uv run starter.py run examples/eval_dataset.yaml"
EVALS, PAUSED, PARTIAL, DONE = "eval-dataset-shop-31c0", "topic-dataset-systems-b2e6", "roadmap-5d07", "oq-suite-7f3a"
CALLS = {"size": 5, "concurrency": 4}


async def terminal(browser: Browser, into: Path) -> None:
    """`terminal-running.png`."""
    with tempfile.TemporaryDirectory() as folder, SimulatorServer(Options(latency=1.2)) as model:
        examples = shutil.copytree(ROOT / "examples", Path(folder) / "examples")
        request = examples / "eval_dataset.yaml"
        request.write_text(
            request.read_text().replace("size: 20", "size: 5").replace("concurrency: 8", "concurrency: 4")
        )
        env = {key: said for key, said in os.environ.items() if not key.startswith(("OPENAI_", "TEMPORAL_", "QUIRE_"))}
        env |= {"QUIRE_HOME": f"{folder}/.quire", "QUIRE_PORT": str(free_port()), "OPENAI_BASE_URL": model.base_url}
        starter = [sys.executable, str(ROOT / "starter.py")]
        shown = Terminal([*starter, "run", "examples/eval_dataset.yaml"], cwd=Path(folder), env=env)
        try:
            await asyncio.to_thread(shown.until, _half_way)
            await draw(browser, shown.page(TYPED), into / "terminal-running.png")
        finally:
            code = await asyncio.to_thread(shown.close)
            down = subprocess.run([*starter, "down"], cwd=folder, env=env, capture_output=True, timeout=60, check=False)
        assert (code, down.returncode) == (0, 0), shown.text()


def _half_way(text: str) -> bool:
    return any(40 <= int(items) < 100 for items in re.findall(r"(\d+)\s?(?:/|of)\s?100\b", text))


async def web_ui(browser: Browser, into: Path) -> None:
    """`web-ui-list.png`, `web-ui-run.png`, `web-ui-timeline.png` and `web-ui-signal.png`."""
    with tempfile.TemporaryDirectory() as folder, SimulatorServer(Options()) as model:
        os.environ["OPENAI_BASE_URL"] = model.base_url
        os.environ.pop("OPENAI_API_KEY", None)
        os.chdir(folder)  # so that the store is told as `runs`
        async with ui.served(Path(folder) / "home") as served:
            evals = await _runs(served, model)
            page = await page_of(browser, width=1440, height=620)
            await page.goto(served.list_url())
            await ui.add_columns(page)
            await ui.cells(page, EVALS)
            await _still(page, into / "web-ui-list.png")
            await page.set_viewport_size({"width": 1280, "height": 1000})
            await page.goto(served.run_url(EVALS))
            await page.get_by_text("generate • batch").first.wait_for()
            await page.get_by_role("heading", name="Timeline").evaluate("it => it.scrollIntoView()")
            await _still(page, into / "web-ui-timeline.png")
            await page.get_by_test_id("user-metadata-tab").click()
            await ui.framed(page, "Generated")
            await _still(page, into / "web-ui-run.png")
            await ui.messages(await ui.dialog(page, "Signal"), "Signal")
            await page.set_viewport_size({"width": 1280, "height": 700})
            await _still(page, into / "web-ui-signal.png")
            await evals.signal("finish_now")
            await evals.result()
        os.chdir(ROOT)


async def _runs(served: ui.Ui, model: SimulatorServer) -> ui.Handle:
    """A complete run, a partial one, one that is paused, and one that is half way."""
    store = Path("runs")
    await (await served.begin(DONE, oq(store))).result()
    model.simulator.options = Options(poison="[Ww]eek 5")
    partial = example("roadmap", store, on_failure="skip", retry={"attempts": 1})
    await (await served.begin(PARTIAL, partial)).result()
    model.simulator.options = Options(latency=0.5)
    paused = await served.begin(PAUSED, example("topic_dataset", store, batching={"concurrency": 4}))
    await ui.until(paused, lambda progress: progress.items >= 15)
    await paused.signal("pause")
    await ui.until(paused, lambda progress: progress.stage == "paused" and not progress.in_flight)
    evals = await served.begin(EVALS, example("eval_dataset", store, batching=CALLS))
    await ui.until(evals, lambda progress: progress.items >= 55)
    model.simulator.options = Options(latency=20)
    await ui.until(evals, lambda progress: progress.items >= 60 and progress.in_flight == 4)
    return evals


async def _still(page: Page, into: Path) -> None:
    """A picture of what is in view, once frames and fonts have settled."""
    await page.wait_for_timeout(1500)
    await page.screenshot(path=into)


PICTURES: dict[str, Callable[[Browser, Path], Awaitable[None]]] = {
    "terminal": terminal,
    "web-ui": web_ui,
    "report": report_picture.picture,
}


async def main(names: list[str]) -> int:
    """Draw those of these names, or all."""
    unknown = [name for name in names if name not in PICTURES]
    if unknown:
        print(f"there is no picture '{unknown[0]}'; there are: {', '.join(PICTURES)}", file=sys.stderr)
        return 2
    INTO.mkdir(parents=True, exist_ok=True)
    async with opened() as browser:
        for name in names or PICTURES:
            await PICTURES[name](browser, INTO)
            print(name)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
