"""`report.html` as its reader sees it, in a real browser."""

from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, expect

from quire.progress import Result
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.browser.report_pages import ReportPage, open_report, write_ended_run, write_page
from tests.support.requests import example_request, oq_request
from tests.support.runs import run_to_end

EVIL = {
    "title": '<script>window.hurt=1</script><img src=x onerror="window.hurt=1">',
    "text": "</script><script>window.hurt=1</script><!-- <script> --> ]]> \u2028\u2029 \x00 & \"quoted\" 'too'",
}


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch):
    """A simulator with many faults at once."""
    options = Options(seed=7, latency=0.02, cut_off=0.2, refusal=0.1, too_few=0.2, rate_limit=0.1, retry_after=0.1,
                      duplicates=0.2)  # fmt: skip
    with SimulatorServer(options) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield server


async def find_accessibility_faults(report: ReportPage) -> list[str]:
    """Return what axe-core, which knows the WCAG's rules, finds wrong."""
    findings = await Axe().run(report.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]})
    return [f"{rule['id']}: {node['html'][:120]}" for rule in findings.response["violations"] for node in rule["nodes"]]


async def test_a_complete_runs_report_shows_its_figures(browser: Browser, client, simulator, tmp_path: Path):
    result = await run_to_end(client, oq_request(tmp_path), "told")
    report = await open_report(browser, tmp_path / "told" / "report.html")
    assert await report.texts("h1") == ["told"]
    assert await report.texts(".verdict") == ["complete"]
    figures = dict(zip(await report.texts(".figures dt"), await report.texts(".figures dd"), strict=True))
    assert figures["tests"] == "25 of 25"
    assert figures["calls"].strip() == str(result.usage.calls)
    assert figures["tokens in"].split()[0] == f"{result.usage.prompt_tokens:,}"
    assert "All 30 are covered" in await report.page.locator("#coverage").inner_text()
    assert len(await report.texts("#list > details")) == 20
    assert await report.count_text() == "25 tests; 1 to 20 are shown"
    assert f"{result.usage.calls} calls" in (
        await report.page.locator("#calls-chart").get_attribute("aria-label") or ""
    )
    assert await report.texts(".notice") == ["Simulated. The text was made by the offline simulator, not by a model."]
    assert not report.errors


async def test_the_report_shows_failures_and_duplicates_slot_by_slot(browser: Browser, client, faulty, tmp_path: Path):
    request = example_request(
        "eval_dataset", tmp_path, retry={"attempts": 1}, duplicates={"method": "near", "rounds": 1}
    )
    result = await run_to_end(client, request, "wrong")
    assert isinstance(result, Result) and result.verdict == "partial" and result.duplicates_rejected
    report = await open_report(browser, tmp_path / "wrong" / "report.html")
    assert await report.texts(".verdict") == ["partial"]
    failed = await report.texts("#failed tbody tr")
    assert len(failed) == min(result.failed_total, 100)
    assert failed[0].split("\t") == [result.failed_slots[0].slot, result.failed_slots[0].reason]
    by_group = [row.split("\t") for row in await report.texts("#coverage table >> nth=0 >> tbody tr")]
    assert {row[0]: int(row[2]) for row in by_group} == {group.name: group.items for group in result.groups}
    rejected = [int(row.split("\t")[-1]) for row in await report.texts("#duplicates table >> nth=0 >> tbody tr")]
    assert sum(rejected) >= result.duplicates_rejected
    await report.page.select_option("#find-state", "failed")
    await _wait_for_count(report, f"{result.failed_total} of {result.target} match")
    await report.page.select_option("#find-state", "again")
    await report.open_first_item()
    assert len(await report.texts("#list details[open] .story li")) >= 2
    assert not report.errors


async def test_scripts_in_items_are_shown_and_never_run(browser: Browser, tmp_path: Path):
    store = await write_ended_run(tmp_path, "evil", 30, item=lambda _: EVIL, empty=[4])
    report = await open_report(browser, await write_page(store))
    text = await report.open_first_item()
    assert "</script><script>window.hurt=1</script><!-- <script> -->" in text
    assert '<img src=x onerror="window.hurt=1">' in text
    assert await report.search("</script><script>") == "29 of 30 match; 1 to 20 are shown"
    assert await report.page.evaluate("window.hurt") is None
    assert not report.errors


async def test_the_reports_security_policy_blocks_foreign_scripts_and_images(browser: Browser, tmp_path: Path):
    file = await write_page(await write_ended_run(tmp_path, "strict", 20))
    text = file.read_text().replace("</body>", "<script>window.hurt = 1</script><img src='http://127.0.0.1:9/'></body>")
    file.write_text(text)
    report = await open_report(browser, file)
    assert await report.page.evaluate("window.hurt") is None
    assert any("Content Security Policy" in error for error in report.errors)


async def test_search_and_filters_of_the_report_find_items(browser: Browser, tmp_path: Path):
    store = await write_ended_run(tmp_path, "found", 1200, empty=[1, 700, 1200])
    report = await open_report(browser, await write_page(store))
    assert await report.count_text() == "1,200 things; 1 to 20 are shown"
    assert await report.search("tHiNg 777") == "1 of 1,200 match"
    assert await report.texts("#list .key") == ["0777"] and await report.texts("#list mark") == ["Thing 777"]
    assert await report.search("no such words") == "0 of 1,200 match"
    await report.page.click("button[type=reset]")
    await _wait_for_count(report, "1,200 things; 1 to 20 are shown")
    await report.page.select_option("#find-state", "failed")
    await _wait_for_count(report, "3 of 1,200 match")
    assert await report.texts("#list .key") == ["0001", "0700", "1200"]
    assert await report.texts("#list .gist") == ["cut off: too long"] * 3
    await report.page.select_option("#find-source", "model")
    await _wait_for_count(report, "0 of 1,200 match")
    assert not report.errors


async def test_the_report_can_be_used_with_the_keyboard_alone(browser: Browser, tmp_path: Path):
    report = await open_report(browser, await write_page(await write_ended_run(tmp_path, "keys", 60)))
    await report.page.keyboard.press("Tab")
    assert await report.page.evaluate("document.activeElement.innerText") == "Skip to the report"
    await report.page.focus("#list summary >> nth=0")
    await report.page.keyboard.press("Enter")
    await report.page.locator("#list details[open]", has_text="What is said of 1, and of 7919.").wait_for()
    await report.page.focus("#pager-above button:has-text('Next')")
    await report.page.keyboard.press("Enter")
    await _wait_for_count(report, "60 things; 21 to 40 are shown")
    await report.page.focus("#calls-details summary")
    await report.page.keyboard.press("Enter")
    await report.page.locator("#calls-table tbody tr").nth(3).wait_for()
    await report.page.focus("#find-text")
    await report.page.keyboard.type("thing 31")
    await _wait_for_count(report, "1 of 60 match")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_the_report_passes_the_accessibility_rules(browser: Browser, tmp_path: Path, scheme: str, width: int):
    store = await write_ended_run(tmp_path, "axe", 90, empty=[3, 50])
    report = await open_report(browser, await write_page(store), width=width, scheme=scheme)
    for summary in await report.page.locator("details:not(.item) > summary").all():
        await summary.click()
    await report.page.locator("#list summary").nth(1).click()
    assert await find_accessibility_faults(report) == []
    assert await report.page.evaluate("document.documentElement.scrollWidth") <= width
    assert not report.errors


@pytest.mark.timeout(300)
async def test_a_report_of_a_hundred_thousand_items_opens_as_fast_as_a_small_one(browser: Browser, tmp_path: Path):
    few = await write_page(await write_ended_run(tmp_path, "few", 1_000))
    file = await write_page(await write_ended_run(tmp_path, "many", 100_000, empty=[99_999]))
    small = await (await open_report(browser, few)).cpu_seconds()
    report = await open_report(browser, file)
    took = await report.cpu_seconds()
    assert await report.count_text() == "100,000 things; 1 to 20 are shown"
    assert took < 3 * small, "a hundred times as many take half as long again"
    items = sum(len(part.read_bytes()) for part in (tmp_path / "many" / "batches").iterdir())
    assert file.stat().st_size < items / 2, "packed, not repeated"
    assert await report.page.evaluate("document.querySelectorAll('*').length") < 5000
    assert await report.search("thing 98765") == "1 of 100,000 match"
    await report.page.select_option("#find-state", "failed")
    await _wait_for_count(report, "0 of 100,000 match")
    assert not report.errors


async def _wait_for_count(report: ReportPage, message: str) -> None:
    """Wait until the line that counts the items found reads like this."""
    await expect(report.page.locator("#find-said")).to_have_text(message, timeout=20_000)
