"""The real Web UI with real runs: the list, a run's page, its messages. Tests read texts, not pixels."""

import asyncio
import re
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, expect

from quire import sharding
from simulator.options import Options
from tests.browser import web_ui
from tests.browser.web_ui import WebUi
from tests.support.chromium import open_page
from tests.support.requests import example_request, oq_request
from tests.support.runs import wait_for_progress

SLOW = {"size": 5, "concurrency": 2}
expect.set_options(timeout=30_000)


@pytest_asyncio.fixture(loop_scope="session")
async def web(tmp_path: Path, simulator) -> AsyncGenerator[WebUi]:
    async with web_ui.serve_web_ui(tmp_path / "home") as served:
        yield served


async def test_the_list_shows_recipe_progress_and_verdict_once_their_columns_are_added(
    web: WebUi, browser: Browser, simulator, tmp_path
):
    simulator.simulator.options = Options(poison="slot 3:", latency=0.3)
    partial = oq_request(tmp_path, batching={"size": 5}, retry={"attempts": 1}, on_failure="skip")
    await (await web.start_run("partial", partial)).result()
    handle = await web.start_run("held", oq_request(tmp_path, batching={"size": 1, "concurrency": 1}, reuse=False))
    await wait_for_progress(handle, lambda progress: progress.items > 0)
    await handle.signal("pause")
    paused = await wait_for_progress(handle, lambda progress: progress.stage == "paused" and not progress.in_flight)

    page = await open_page(browser)
    await page.goto(web.list_url())
    await web_ui.add_columns(page)
    await expect(page.get_by_role("columnheader", name="QuireVerdict")).to_be_visible()
    assert {"oq_suite", "24/25 (Batch 5/5)", "96", "partial"} <= set(await web_ui.read_row(page, "partial"))
    stands = f"{paused.items}/25 (Batch {paused.batches.completed}/25), paused"
    assert {"oq_suite", stands} <= set(await web_ui.read_row(page, "held"))

    simulator.simulator.options = Options(latency=15)  # so that it is live for as long as it is looked at
    await handle.signal("resume")
    await wait_for_progress(handle, lambda progress: progress.in_flight > 0)
    await page.goto(f"{web.list_url()}?query=QuireProgress%20IS%20NOT%20NULL")  # this browser keeps the columns
    cells = await web_ui.read_row(page, "held")
    assert not any("paused" in cell for cell in cells) and any("/25 (Batch" in cell for cell in cells)
    simulator.simulator.options = Options()
    await handle.signal("finish_now")
    await handle.result()


async def test_a_live_runs_page_shows_the_progress_of_each_group_and_what_the_run_waits_for(
    web: WebUi, browser: Browser, simulator, tmp_path
):
    simulator.simulator.options = Options(latency=0.3)
    handle = await web.start_run("evals", example_request("eval_dataset", tmp_path, batching=SLOW))
    await wait_for_progress(handle, lambda progress: progress.items >= 40)
    simulator.simulator.options = Options(latency=15)  # so that it is live for as long as it is looked at
    await wait_for_progress(handle, lambda progress: progress.items >= 45 and progress.in_flight == 2)
    page = await open_page(browser)
    await page.goto(web.run_url("evals"))
    await expect(page.get_by_text(re.compile(r"generate • batch \d+/20, cases \d+-\d+")).first).to_be_visible()
    await page.get_by_test_id("user-metadata-tab").click()
    assert "eval_dataset with gpt-4o-mini and gpt-4o" in await web_ui.read_frame(page, "eval_dataset")
    assert "uv run starter.py watch evals" in await web_ui.read_frame(page, "More Actions")
    live = await web_ui.read_frame(page, "Generated")
    assert "of 100 cases" in live and "order_status" in live and "40 of 40" in live and "█" in live
    assert "2 of 2 in flight" in live
    assert f"{tmp_path}/evals/" in live and "left" in live

    await web_ui.send_message(page, "Signal", "pause")
    simulator.simulator.options = Options()
    await wait_for_progress(handle, lambda progress: progress.stage == "paused" and not progress.in_flight)
    await page.reload()
    paused = await web_ui.read_frame(page, "Paused: until resumed.")
    assert "Send a Signal, resume" in paused and "(paused)" in paused
    await web_ui.send_message(page, "Signal", "resume")
    await handle.result()
    await page.reload()
    ended = await web_ui.read_frame(page, "complete: 100 of 100 cases")
    assert f"{tmp_path}/evals/artifact.jsonl" in ended and "in flight" not in ended


async def test_a_partial_runs_page_names_failed_slots_and_what_to_do_next(
    web: WebUi, browser: Browser, simulator, tmp_path
):
    simulator.simulator.options = Options(poison="slot 3:")
    request = oq_request(tmp_path, batching={"size": 5}, retry={"attempts": 1}, on_failure="skip")
    await (await web.start_run("partial", request)).result()
    page = await open_page(browser)
    await page.goto(web.run_url("partial"))
    await page.get_by_test_id("user-metadata-tab").click()
    output = await web_ui.read_frame(page, "partial: 24 of 25 tests")
    assert "OQ-003: missing" in output and "uv run starter.py resume partial" in output
    assert "Warnings" in output and "simulated" in output


async def test_the_web_ui_dialogs_describe_each_message_and_reject_an_invalid_value(
    web: WebUi, browser: Browser, simulator, tmp_path
):
    simulator.simulator.options = Options(latency=0.3)
    handle = await web.start_run(
        "steered", oq_request(tmp_path, batching={"size": 1, "concurrency": 1}, approve="plan")
    )
    await wait_for_progress(handle, lambda progress: progress.waits_for == "approval")
    page = await open_page(browser)
    await page.goto(web.run_url("steered"))
    signals = await web_ui.list_messages(await web_ui.open_dialog(page, "Signal"), "Signal")
    assert signals["pause"].startswith("Start no further calls") and {"resume", "finish_now"} <= set(signals)
    await page.reload()
    updates = await web_ui.list_messages(await web_ui.open_dialog(page, "Update"), "Update")
    expected = {"approve", "extend", "raise_budget", "retry_failed", "set_concurrency"}
    assert expected <= set(updates) and all(updates[name] for name in expected)
    await page.reload()
    await web_ui.send_message(page, "Update", "set_concurrency", "5000")
    await expect(page.get_by_text("calls in flight must be 1 to 1,000, not 5000")).to_be_visible()
    await page.reload()
    await web_ui.send_message(page, "Update", "set_concurrency", "4")
    await wait_for_progress(handle, lambda progress: progress.concurrency == 4)
    await page.reload()
    await web_ui.send_message(page, "Update", "approve")
    assert (await handle.result()).verdict == "complete"


async def test_a_very_large_runs_page_links_to_its_shards_and_back(
    web: WebUi, browser: Browser, simulator, tmp_path, monkeypatch
):
    monkeypatch.setattr(sharding, "UNSHARDED_BATCHES", 10)
    monkeypatch.setattr(sharding, "SHARD_BATCHES", 8)
    simulator.simulator.options = Options(latency=2)
    request = oq_request(tmp_path, target=40, batching={"size": 1, "concurrency": 8})
    handle = await web.start_run("large", request)
    await wait_for_progress(handle, lambda progress: progress.items >= 8)
    await handle.signal("pause")
    await wait_for_progress(handle, lambda progress: progress.stage == "paused" and not progress.in_flight)
    simulator.simulator.options = Options()
    page = await open_page(browser)
    await page.goto(web.run_url("large"))
    await page.get_by_test_id("user-metadata-tab").click()
    output = await web_ui.read_frame(page, "shards have ended")
    assert "shard 1" in output and "of 40 tests" in output
    link = page.frame_locator("iframe >> nth=-1").get_by_role("link", name="shard 1")
    async with page.context.expect_page() as opening:
        await link.click()
    shard = await opening.value
    await expect(shard.get_by_role("heading", name="large/shard-001")).to_be_visible()
    await shard.get_by_test_id("user-metadata-tab").click()
    assert "This is a part of large; steer it there" in await web_ui.read_frame(shard, "Shard 1")
    await handle.signal("resume")
    assert (await handle.result()).verdict == "complete"


async def test_foreign_text_is_shown_and_never_rendered_as_markup(web: WebUi, browser: Browser, simulator, tmp_path):
    name = "a|b <script>document.body.innerText='gone'</script> *x* `y` $5 to $6 <img src=x>"
    inputs = {"categories": [{"name": name, "description": "any", "count": 4}]}
    request = example_request("eval_dataset", tmp_path, inputs=inputs)
    await (await web.start_run("hostile", request)).result()
    page = await open_page(browser)
    await page.goto(web.run_url("hostile"))
    await page.get_by_test_id("user-metadata-tab").click()
    output = await web_ui.read_frame(page, "4 of 4")
    for part in ("a|b", "<script>document.body", "*x*", "`y`", "$5 to $6", "<img src=x>"):
        assert part in output
    for frame in page.frames[1:]:
        assert not await frame.locator("img, script").count()


async def test_web_ui_pages_load_quickly_while_a_run_is_busy(web: WebUi, browser: Browser, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.2)
    handle = await web.start_run("busy", oq_request(tmp_path, target=1000, batching={"size": 1, "concurrency": 4}))
    await wait_for_progress(handle, lambda progress: progress.items > 20)
    page = await open_page(browser)
    async with asyncio.timeout(30):
        await page.goto(web.run_url("busy"))
        await page.get_by_test_id("user-metadata-tab").click()
        assert "of 1000 tests" in await web_ui.read_frame(page, "of 1000 tests")
    await handle.signal("finish_now")
    result = await handle.result()
    events = [event async for event in handle.fetch_history_events()]
    upserts = [event for event in events if event.HasField("upsert_workflow_search_attributes_event_attributes")]
    assert len(upserts) <= 20 + 4 and result.items >= 20, "never one event a batch"
