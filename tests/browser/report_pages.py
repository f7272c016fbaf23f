"""Report pages for tests: of runs, or of stores written as an ended run leaves them."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.async_api import Browser, Page

from activities.report import page
from activities.store import plan_file
from activities.store.batch_files import encode_batch_file
from activities.store.object_store import Store
from quire.outcome import Usage
from quire.progress import BatchCounts, Result
from tests.support.chromium import open_page
from tests.support.requests import lay_out_plan

MODEL = "gpt-4o-mini"


def report_request(count: int, *, size: int = 20, **changes: object) -> dict[str, object]:
    """Return a request for `count` small items."""
    fields = {"title": {"type": "string"}, "text": {"type": "string"}}
    schema = {"type": "object", "properties": fields, "required": [*fields], "additionalProperties": False}
    inputs = {"noun": "things", "instructions": "Write things.", "slots": {"count": count}, "item": schema,
              "prompt": "thing {{ index }}"}  # fmt: skip
    return {"recipe": "custom", "inputs": inputs, "model": {"name": MODEL}, "batching": {"size": size}} | changes


def report_item(number: int) -> dict[str, str]:
    """Return an item of about as many characters as a short test case."""
    return {"title": f"Thing {number}", "text": f"What is said of {number}, and of {number * 7919 % 104729}. " * 6}


async def write_ended_run(
    root: Path, name: str, count: int, *, item: Callable[[int], dict[str, str]] = report_item, empty: Iterable[int] = ()
) -> Store:
    """Write the store of an ended run of `count` items that never ran; the slots in `empty` have failed."""
    store = Store(str(root), name)
    plan = lay_out_plan(report_request(count))
    await plan_file.write_plan(store, plan)
    without, first, filled = set(empty), 1, 0
    begin = datetime(2026, 11, 20, 9, tzinfo=UTC)
    for root_, size in enumerate(plan.sizes, 1):
        filled_slots = [number for number in range(first, first + size) if number not in without]
        source = {"source": "model", "model": MODEL, "batch": str(root_), "attempt": 1, "simulated": True}
        rows = [{"slot": n, "item": {"slot": n, **item(n)}, "provenance": source} for n in filled_slots]
        gone = [number for number in range(first, first + size) if number in without]
        await store.put(f"batches/{root_}.jsonl", encode_batch_file(rows, _call_note(begin, root_, filled_slots, gone)))
        first, filled = first + size, filled + len(filled_slots)
    result = _ended_result(name, count, filled, len(plan.sizes))
    await store.put("report.json", result.model_dump_json().encode())
    await store.put("ledger.jsonl", "".join(_ledger_line(n, n in without) for n in range(1, count + 1)).encode())
    return store


def _call_note(begin: datetime, root: int, filled: list[int], gone: list[int]) -> dict[str, object]:
    tokens = {"prompt_tokens": 900, "cached_tokens": 600, "completion_tokens": 1800, "reasoning_tokens": 0}
    return {
        "began": (begin + timedelta(seconds=(root // 8) * 2.5 + root % 8 / 10)).isoformat(timespec="milliseconds"),
        "seconds": 2.1 + root % 5 / 10, "batch": str(root), "try": 1, "sent": 1 + (root % 40 == 0), "model": MODEL,
        "answer": "responses/0.json", "finish_reason": "length" if gone else "stop", "filled": filled,
        "open": {n: "cut off: the answer was cut off at the model's output limit" for n in gone}, "tokens": tokens,
        "estimated": False, "cost_usd": 0.0012, "reused": False, "hedge": False,
    }  # fmt: skip


def _ended_result(name: str, target: int, items: int, batches: int) -> Result:
    used = Usage(calls=batches, prompt_tokens=900 * batches, cached_tokens=600 * batches,
                 completion_tokens=1800 * batches, cost_usd=round(0.0012 * batches, 4))  # fmt: skip
    return Result(
        workflow_id=name, recipe="custom", verdict="complete" if items == target else "partial", target=target,
        items=items, artifact=f"/somewhere/{name}/artifact.json", noun="things", rounds=1, usage=used,
        batches=BatchCounts(planned=batches, completed=batches), models={MODEL: used},
        failed_total=target - items, simulated=True, seconds=321.0,
    )  # fmt: skip


def _ledger_line(number: int, empty: bool) -> str:
    return json.dumps({"slot": str(number), "reason": "cut off: too long" if empty else None}) + "\n"


async def write_page(store: Store) -> Path:
    """Write the report of a store as the run's end does, and return its path."""
    plan = await plan_file.open_plan(store)
    assert plan is not None
    return Path(await page.write_page_to_store(plan, json.loads(await store.get("report.json") or b"{}")))


class ReportPage:
    """A report in a browser, and everything that went wrong on it: errors, messages, requests to anywhere else."""

    def __init__(self, tab: Page) -> None:
        self.page = tab
        self.errors: list[str] = []
        tab.on("console", lambda count_text: self.errors.append(f"console: {count_text.text}"))
        tab.on("pageerror", lambda error: self.errors.append(f"error: {error}"))
        tab.on("dialog", lambda dialog: self.errors.append(f"dialog: {dialog.message}"))
        tab.on("request", lambda asked: asked.url.startswith("file:") or self.errors.append(f"asked {asked.url}"))

    async def texts(self, selector: str) -> list[str]:
        """Return the text of each of these elements."""
        return await self.page.locator(selector).all_inner_texts()

    async def cpu_seconds(self) -> float:
        """Return the processor seconds that the page has used so far."""
        session = await self.page.context.new_cdp_session(self.page)
        await session.send("Performance.enable")
        metrics = (await session.send("Performance.getMetrics"))["metrics"]
        return {metric["name"]: metric["value"] for metric in metrics}["ProcessTime"]

    async def count_text(self) -> str:
        """Return the line that counts the items found."""
        return await self.page.locator("#find-said").inner_text()

    async def search(self, words: str) -> str:
        """Search, wait for the end, and return the line that counts the items found."""
        await self.page.fill("#find-text", words)
        await self.page.press("#find-text", "Enter")
        await self.page.wait_for_selector("#list[aria-busy=false]", state="attached")
        return await self.count_text()

    async def open_first_item(self) -> str:
        """Open the first item shown and return its text, which is unpacked after the click."""
        await self.page.locator("#list summary").first.click()
        await self.page.wait_for_selector("#list details[open] .story")
        return await self.page.locator("#list details[open]").inner_text()


async def open_report(browser: Browser, file: Path, **size: object) -> ReportPage:
    """Open a report and wait until it is ready."""
    report = ReportPage(await open_page(browser, **size))  # pyright: ignore[reportArgumentType]
    await report.page.goto(file.as_uri())
    await report.page.wait_for_selector("html[data-ready]")
    return report
