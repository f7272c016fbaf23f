"""Runs whose pages the tests look at: made by the real thing, or laid into a store as a run lays them."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.async_api import Browser, Page

from activities.report import page
from activities.store import plan_file
from activities.store.batch_files import written
from activities.store.object_store import Store
from quire.outcome import Usage
from quire.progress import BatchCounts, Result
from tests.browser.conftest import page_of
from tests.conftest import lay_out

MODEL = "gpt-4o-mini"


def things(count: int, *, size: int = 20, **said: object) -> dict[str, object]:
    """A request for so many small items."""
    fields = {"title": {"type": "string"}, "text": {"type": "string"}}
    schema = {"type": "object", "properties": fields, "required": [*fields], "additionalProperties": False}
    inputs = {"noun": "things", "instructions": "Write things.", "slots": {"count": count}, "item": schema,
              "prompt": "thing {{ index }}"}  # fmt: skip
    return {"recipe": "custom", "inputs": inputs, "model": {"name": MODEL}, "batching": {"size": size}} | said


def thing(number: int) -> dict[str, str]:
    """An item of about as many characters as a short test case."""
    return {"title": f"Thing {number}", "text": f"What is said of {number}, and of {number * 7919 % 104729}. " * 6}


async def laid(
    root: Path, name: str, count: int, *, item: Callable[[int], dict[str, str]] = thing, empty: Iterable[int] = ()
) -> Store:
    """The store of a run of so many items that has ended, without its having run; `empty` slots gave up."""
    store = Store(str(root), name)
    plan = lay_out(things(count))
    await plan_file.write(store, plan)
    without, first, filled = set(empty), 1, 0
    begin = datetime(2026, 11, 20, 9, tzinfo=UTC)
    for root_, size in enumerate(plan.sizes, 1):
        there = [number for number in range(first, first + size) if number not in without]
        source = {"source": "model", "model": MODEL, "batch": str(root_), "attempt": 1, "simulated": True}
        rows = [{"slot": n, "item": {"slot": n, **item(n)}, "provenance": source} for n in there]
        gone = [number for number in range(first, first + size) if number in without]
        await store.put(f"batches/{root_}.jsonl", written(rows, _note(begin, root_, there, gone)))
        first, filled = first + size, filled + len(there)
    said = _ended(name, count, filled, len(plan.sizes))
    await store.put("report.json", said.model_dump_json().encode())
    await store.put("ledger.jsonl", "".join(_story(n, n in without) for n in range(1, count + 1)).encode())
    return store


def _note(begin: datetime, root: int, filled: list[int], gone: list[int]) -> dict[str, object]:
    tokens = {"prompt_tokens": 900, "cached_tokens": 600, "completion_tokens": 1800, "reasoning_tokens": 0}
    return {
        "began": (begin + timedelta(seconds=(root // 8) * 2.5 + root % 8 / 10)).isoformat(timespec="milliseconds"),
        "seconds": 2.1 + root % 5 / 10, "batch": str(root), "try": 1, "sent": 1 + (root % 40 == 0), "model": MODEL,
        "answer": "responses/0.json", "finish_reason": "length" if gone else "stop", "filled": filled,
        "open": {n: "cut off: the answer was cut off at the model's output limit" for n in gone}, "tokens": tokens,
        "estimated": False, "cost_usd": 0.0012, "reused": False, "hedge": False,
    }  # fmt: skip


def _ended(name: str, target: int, items: int, batches: int) -> Result:
    used = Usage(calls=batches, prompt_tokens=900 * batches, cached_tokens=600 * batches,
                 completion_tokens=1800 * batches, cost_usd=round(0.0012 * batches, 4))  # fmt: skip
    return Result(
        workflow_id=name, recipe="custom", verdict="complete" if items == target else "partial", target=target,
        items=items, artifact=f"/somewhere/{name}/artifact.json", noun="things", rounds=1, usage=used,
        batches=BatchCounts(planned=batches, completed=batches), models={MODEL: used},
        failed_total=target - items, simulated=True, seconds=321.0,
    )  # fmt: skip


def _story(number: int, empty: bool) -> str:
    return json.dumps({"slot": str(number), "reason": "cut off: too long" if empty else None}) + "\n"


async def page_in(store: Store) -> Path:
    """Its page, written as the run's end writes it."""
    plan = await plan_file.read(store)
    assert plan is not None
    return Path(await page.write_to_store(plan, json.loads(await store.get("report.json") or b"{}")))


class Seen:
    """A page in a browser, and all that went wrong on it: errors, messages, requests to anywhere else."""

    def __init__(self, shown: Page) -> None:
        self.page = shown
        self.wrong: list[str] = []
        shown.on("console", lambda said: self.wrong.append(f"console: {said.text}"))
        shown.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        shown.on("dialog", lambda dialog: self.wrong.append(f"dialog: {dialog.message}"))
        shown.on("request", lambda asked: asked.url.startswith("file:") or self.wrong.append(f"asked {asked.url}"))

    async def texts(self, selector: str) -> list[str]:
        """What stands in each of these elements."""
        return await self.page.locator(selector).all_inner_texts()

    async def worked(self) -> float:
        """Seconds that processors have worked for the page so far, whatever else they did meanwhile."""
        session = await self.page.context.new_cdp_session(self.page)
        await session.send("Performance.enable")
        told = (await session.send("Performance.getMetrics"))["metrics"]
        return {one["name"]: one["value"] for one in told}["ProcessTime"]

    async def said(self) -> str:
        """How many items were found."""
        return await self.page.locator("#find-said").inner_text()

    async def find(self, words: str) -> str:
        """Search, and wait for the end of it."""
        await self.page.fill("#find-text", words)
        await self.page.press("#find-text", "Enter")
        await self.page.wait_for_selector("#list[aria-busy=false]", state="attached")
        return await self.said()

    async def first_item(self) -> str:
        """Open the first item that is shown; what it says when it is there: it is unpacked after the click."""
        await self.page.locator("#list summary").first.click()
        await self.page.wait_for_selector("#list details[open] .story")
        return await self.page.locator("#list details[open]").inner_text()


async def opened(browser: Browser, file: Path, **size: object) -> Seen:
    """A page that is ready."""
    seen = Seen(await page_of(browser, **size))  # pyright: ignore[reportArgumentType]
    await seen.page.goto(file.as_uri())
    await seen.page.wait_for_selector("html[data-ready]")
    return seen
