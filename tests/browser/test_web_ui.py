"""The real Web UI at real runs: the list, a run's page, its messages. What is looked at are texts, not pixels."""

import asyncio
import re
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, expect

from quire import sharding
from simulator.options import Options
from tests.browser import ui
from tests.browser.conftest import page_of
from tests.browser.ui import Ui
from tests.conftest import example, oq

SLOW = {"size": 5, "concurrency": 2}
expect.set_options(timeout=30_000)


@pytest_asyncio.fixture(loop_scope="session")
async def web(tmp_path: Path, simulator) -> AsyncGenerator[Ui]:
    async with ui.served(tmp_path / "home") as served:
        yield served


async def test_the_list_shows_recipe_progress_and_verdict_once_their_columns_are_added(
    web: Ui, browser: Browser, simulator, tmp_path
):
    simulator.simulator.options = Options(poison="slot 3:", latency=0.3)
    partial = oq(tmp_path, batching={"size": 5}, retry={"attempts": 1}, on_failure="skip")
    await (await web.begin("partial", partial)).result()
    held = await web.begin("held", oq(tmp_path, batching={"size": 1, "concurrency": 1}, reuse=False))
    await ui.until(held, lambda progress: progress.items > 0)
    await held.signal("pause")
    paused = await ui.until(held, lambda progress: progress.stage == "paused" and not progress.in_flight)

    page = await page_of(browser)
    await page.goto(web.list_url())
    await ui.add_columns(page)
    await expect(page.get_by_role("columnheader", name="QuireVerdict")).to_be_visible()
    assert {"oq_suite", "24/25 (Batch 5/5)", "96", "partial"} <= set(await ui.cells(page, "partial"))
    stands = f"{paused.items}/25 (Batch {paused.batches.completed}/25), paused"
    assert {"oq_suite", stands} <= set(await ui.cells(page, "held"))

    simulator.simulator.options = Options(latency=15)  # so that it is live for as long as it is looked at
    await held.signal("resume")
    await ui.until(held, lambda progress: progress.in_flight > 0)
    await page.goto(f"{web.list_url()}?query=QuireProgress%20IS%20NOT%20NULL")  # this browser keeps the columns
    shown = await ui.cells(page, "held")
    assert not any("paused" in cell for cell in shown) and any("/25 (Batch" in cell for cell in shown)
    simulator.simulator.options = Options()
    await held.signal("finish_now")
    await held.result()


async def test_a_live_runs_page_tells_how_far_each_group_is_and_what_the_run_waits_for(
    web: Ui, browser: Browser, simulator, tmp_path
):
    simulator.simulator.options = Options(latency=0.3)
    handle = await web.begin("evals", example("eval_dataset", tmp_path, batching=SLOW))
    await ui.until(handle, lambda progress: progress.items >= 40)
    simulator.simulator.options = Options(latency=15)  # so that it is live for as long as it is looked at
    await ui.until(handle, lambda progress: progress.items >= 45 and progress.in_flight == 2)
    page = await page_of(browser)
    await page.goto(web.run_url("evals"))
    await expect(page.get_by_text(re.compile(r"generate • batch \d+/20, cases \d+-\d+")).first).to_be_visible()
    await page.get_by_test_id("user-metadata-tab").click()
    assert "eval_dataset with gpt-4o-mini and gpt-4o" in await ui.framed(page, "eval_dataset")
    assert "uv run starter.py watch evals" in await ui.framed(page, "More Actions")
    live = await ui.framed(page, "Generated")
    assert "of 100 cases" in live and "order_status" in live and "40 of 40" in live and "█" in live
    assert "2 of 2 in flight" in live
    assert f"{tmp_path}/evals/" in live and "left" in live

    await ui.send(page, "Signal", "pause")
    simulator.simulator.options = Options()
    await ui.until(handle, lambda progress: progress.stage == "paused" and not progress.in_flight)
    await page.reload()
    paused = await ui.framed(page, "Paused: until resumed.")
    assert "Send a Signal, resume" in paused and "(paused)" in paused
    await ui.send(page, "Signal", "resume")
    await handle.result()
    await page.reload()
    ended = await ui.framed(page, "complete: 100 of 100 cases")
    assert f"{tmp_path}/evals/artifact.jsonl" in ended and "in flight" not in ended


async def test_a_partial_runs_page_names_what_gave_up_and_what_to_do_next(
    web: Ui, browser: Browser, simulator, tmp_path
):
    simulator.simulator.options = Options(poison="slot 3:")
    request = oq(tmp_path, batching={"size": 5}, retry={"attempts": 1}, on_failure="skip")
    await (await web.begin("partial", request)).result()
    page = await page_of(browser)
    await page.goto(web.run_url("partial"))
    await page.get_by_test_id("user-metadata-tab").click()
    shown = await ui.framed(page, "partial: 24 of 25 tests")
    assert "OQ-003: missing" in shown and "uv run starter.py resume partial" in shown
    assert "Warnings" in shown and "simulated" in shown


async def test_the_dialogs_describe_each_message_and_a_wrong_value_is_refused_there(
    web: Ui, browser: Browser, simulator, tmp_path
):
    simulator.simulator.options = Options(latency=0.3)
    handle = await web.begin("steered", oq(tmp_path, batching={"size": 1, "concurrency": 1}, approve="plan"))
    await ui.until(handle, lambda progress: progress.waits_for == "approval")
    page = await page_of(browser)
    await page.goto(web.run_url("steered"))
    signals = await ui.messages(await ui.dialog(page, "Signal"), "Signal")
    assert signals["pause"].startswith("Start no further calls") and {"resume", "finish_now"} <= set(signals)
    await page.reload()
    updates = await ui.messages(await ui.dialog(page, "Update"), "Update")
    wanted = {"approve", "extend", "raise_budget", "retry_failed", "set_concurrency"}
    assert wanted <= set(updates) and all(updates[name] for name in wanted)
    await page.reload()
    await ui.send(page, "Update", "set_concurrency", "5000")
    await expect(page.get_by_text("calls in flight are 1 to 1000, not 5000")).to_be_visible()
    await page.reload()
    await ui.send(page, "Update", "set_concurrency", "4")
    await ui.until(handle, lambda progress: progress.concurrency == 4)
    await page.reload()
    await ui.send(page, "Update", "approve")
    assert (await handle.result()).verdict == "complete"


async def test_a_very_large_runs_page_leads_to_its_shards_and_back(
    web: Ui, browser: Browser, simulator, tmp_path, monkeypatch
):
    monkeypatch.setattr(sharding, "SHARDED", 10)
    monkeypatch.setattr(sharding, "MOST", 8)
    simulator.simulator.options = Options(latency=2)
    request = oq(tmp_path, target=40, batching={"size": 1, "concurrency": 8})
    handle = await web.begin("large", request)
    await ui.until(handle, lambda progress: progress.items >= 8)
    await handle.signal("pause")
    await ui.until(handle, lambda progress: progress.stage == "paused" and not progress.in_flight)
    simulator.simulator.options = Options()
    page = await page_of(browser)
    await page.goto(web.run_url("large"))
    await page.get_by_test_id("user-metadata-tab").click()
    shown = await ui.framed(page, "shards have ended")
    assert "shard 1" in shown and "of 40 tests" in shown
    link = page.frame_locator("iframe >> nth=-1").get_by_role("link", name="shard 1")
    async with page.context.expect_page() as opening:
        await link.click()
    shard = await opening.value
    await expect(shard.get_by_role("heading", name="large/shard-001")).to_be_visible()
    await shard.get_by_test_id("user-metadata-tab").click()
    assert "A part of large, where it is steered" in await ui.framed(shard, "Shard 1")
    await handle.signal("resume")
    assert (await handle.result()).verdict == "complete"


async def test_words_of_others_are_shown_and_not_run(web: Ui, browser: Browser, simulator, tmp_path):
    name = "a|b <script>document.body.innerText='gone'</script> *x* `y` $5 to $6 <img src=x>"
    inputs = {"categories": [{"name": name, "description": "any", "count": 4}]}
    request = example("eval_dataset", tmp_path, inputs=inputs)
    await (await web.begin("hostile", request)).result()
    page = await page_of(browser)
    await page.goto(web.run_url("hostile"))
    await page.get_by_test_id("user-metadata-tab").click()
    shown = await ui.framed(page, "4 of 4")
    for part in ("a|b", "<script>document.body", "*x*", "`y`", "$5 to $6", "<img src=x>"):
        assert part in shown
    for frame in page.frames[1:]:
        assert not await frame.locator("img, script").count()


async def test_pages_come_up_quickly_while_a_run_is_busy(web: Ui, browser: Browser, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.2)
    handle = await web.begin("busy", oq(tmp_path, target=1000, batching={"size": 1, "concurrency": 4}))
    await ui.until(handle, lambda progress: progress.items > 20)
    page = await page_of(browser)
    async with asyncio.timeout(30):
        await page.goto(web.run_url("busy"))
        await page.get_by_test_id("user-metadata-tab").click()
        assert "of 1000 tests" in await ui.framed(page, "of 1000 tests")
    await handle.signal("finish_now")
    result = await handle.result()
    events = [event async for event in handle.fetch_history_events()]
    upserts = [event for event in events if event.HasField("upsert_workflow_search_attributes_event_attributes")]
    assert len(upserts) <= 20 + 4 and result.items >= 20, "never one event a batch"
