"""`report.html` as its reader sees it, in a real browser."""

from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, expect

from quire.progress import Result
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.browser.reports import Seen, laid, opened, page_in
from tests.conftest import example, made, oq

EVIL = {
    "title": '<script>window.hurt=1</script><img src=x onerror="window.hurt=1">',
    "text": "</script><script>window.hurt=1</script><!-- <script> --> ]]> \u2028\u2029 \x00 & \"quoted\" 'too'",
}


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch):
    """A simulator at its worst."""
    options = Options(seed=7, latency=0.02, cut_off=0.2, refusal=0.1, too_few=0.2, rate_limit=0.1, retry_after=0.1,
                      duplicates=0.2)  # fmt: skip
    with SimulatorServer(options) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield server


async def axed(seen: Seen) -> list[str]:
    """What axe-core, which knows the WCAG's rules, finds wrong."""
    found = await Axe().run(seen.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]})
    return [f"{one['id']}: {node['html'][:120]}" for one in found.response["violations"] for node in one["nodes"]]


async def test_a_run_leaves_a_page_that_tells_what_it_made(browser: Browser, client, simulator, tmp_path: Path):
    result = await made(client, oq(tmp_path), "told")
    seen = await opened(browser, tmp_path / "told" / "report.html")
    assert await seen.texts("h1") == ["told"]
    assert await seen.texts(".verdict") == ["complete"]
    figures = dict(zip(await seen.texts(".figures dt"), await seen.texts(".figures dd"), strict=True))
    assert figures["tests"] == "25 of 25"
    assert figures["calls"].strip() == str(result.usage.calls)
    assert figures["tokens in"].split()[0] == f"{result.usage.prompt_tokens:,}"
    assert "All 30 are covered" in await seen.page.locator("#coverage").inner_text()
    assert len(await seen.texts("#list > details")) == 20
    assert await seen.said() == "25 tests; 1 to 20 are shown"
    assert f"{result.usage.calls} calls" in (await seen.page.locator("#calls-chart").get_attribute("aria-label") or "")
    assert await seen.texts(".notice") == ["Simulated. The text was made by the offline simulator, not by a model."]
    assert not seen.wrong


async def test_what_went_wrong_is_told_slot_by_slot(browser: Browser, client, faulty, tmp_path: Path):
    request = example("eval_dataset", tmp_path, retry={"attempts": 1}, duplicates={"method": "near", "rounds": 1})
    result = await made(client, request, "wrong")
    assert isinstance(result, Result) and result.verdict == "partial" and result.duplicates_rejected
    seen = await opened(browser, tmp_path / "wrong" / "report.html")
    assert await seen.texts(".verdict") == ["partial"]
    failed = await seen.texts("#failed tbody tr")
    assert len(failed) == min(result.failed_total, 100)
    assert failed[0].split("\t") == [result.failed_slots[0].slot, result.failed_slots[0].reason]
    by_group = [row.split("\t") for row in await seen.texts("#coverage table >> nth=0 >> tbody tr")]
    assert {row[0]: int(row[2]) for row in by_group} == {group.name: group.items for group in result.groups}
    rejected = [int(row.split("\t")[-1]) for row in await seen.texts("#duplicates table >> nth=0 >> tbody tr")]
    assert sum(rejected) >= result.duplicates_rejected
    await seen.page.select_option("#find-state", "failed")
    await _until(seen, f"{result.failed_total} of {result.target} match")
    await seen.page.select_option("#find-state", "again")
    await seen.first_item()
    assert len(await seen.texts("#list details[open] .story li")) >= 2
    assert not seen.wrong


async def test_nothing_that_an_item_holds_is_run(browser: Browser, tmp_path: Path):
    store = await laid(tmp_path, "evil", 30, item=lambda _: EVIL, empty=[4])
    seen = await opened(browser, await page_in(store))
    shown = await seen.first_item()
    assert "</script><script>window.hurt=1</script><!-- <script> -->" in shown
    assert '<img src=x onerror="window.hurt=1">' in shown
    assert await seen.find("</script><script>") == "29 of 30 match; 1 to 20 are shown"
    assert await seen.page.evaluate("window.hurt") is None
    assert not seen.wrong


async def test_the_policy_of_the_page_forbids_what_it_did_not_bring(browser: Browser, tmp_path: Path):
    file = await page_in(await laid(tmp_path, "strict", 20))
    text = file.read_text().replace("</body>", "<script>window.hurt = 1</script><img src='http://127.0.0.1:9/'></body>")
    file.write_text(text)
    seen = await opened(browser, file)
    assert await seen.page.evaluate("window.hurt") is None
    assert any("Content Security Policy" in said for said in seen.wrong)


async def test_search_and_filters_find_what_is_there(browser: Browser, tmp_path: Path):
    store = await laid(tmp_path, "found", 1200, empty=[1, 700, 1200])
    seen = await opened(browser, await page_in(store))
    assert await seen.said() == "1,200 things; 1 to 20 are shown"
    assert await seen.find("tHiNg 777") == "1 of 1,200 match"
    assert await seen.texts("#list .key") == ["0777"] and await seen.texts("#list mark") == ["Thing 777"]
    assert await seen.find("no such words") == "0 of 1,200 match"
    await seen.page.click("button[type=reset]")
    await _until(seen, "1,200 things; 1 to 20 are shown")
    await seen.page.select_option("#find-state", "failed")
    await _until(seen, "3 of 1,200 match")
    assert await seen.texts("#list .key") == ["0001", "0700", "1200"]
    assert await seen.texts("#list .gist") == ["cut off: too long"] * 3
    await seen.page.select_option("#find-source", "model")
    await _until(seen, "0 of 1,200 match")
    assert not seen.wrong


async def test_all_can_be_reached_with_the_keyboard(browser: Browser, tmp_path: Path):
    seen = await opened(browser, await page_in(await laid(tmp_path, "keys", 60)))
    await seen.page.keyboard.press("Tab")
    assert await seen.page.evaluate("document.activeElement.innerText") == "Skip to the report"
    await seen.page.focus("#list summary >> nth=0")
    await seen.page.keyboard.press("Enter")
    await seen.page.locator("#list details[open]", has_text="What is said of 1, and of 7919.").wait_for()
    await seen.page.focus("#pager-above button:has-text('Next')")
    await seen.page.keyboard.press("Enter")
    await _until(seen, "60 things; 21 to 40 are shown")
    await seen.page.focus("#calls-details summary")
    await seen.page.keyboard.press("Enter")
    await seen.page.locator("#calls-table tbody tr").nth(3).wait_for()
    await seen.page.focus("#find-text")
    await seen.page.keyboard.type("thing 31")
    await _until(seen, "1 of 60 match")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_headings_names_and_contrast_are_as_the_rules_want_them(
    browser: Browser, tmp_path: Path, scheme: str, width: int
):
    store = await laid(tmp_path, "axe", 90, empty=[3, 50])
    seen = await opened(browser, await page_in(store), width=width, scheme=scheme)
    for summary in await seen.page.locator("details:not(.item) > summary").all():
        await summary.click()
    await seen.page.locator("#list summary").nth(1).click()
    assert await axed(seen) == []
    assert await seen.page.evaluate("document.documentElement.scrollWidth") <= width
    assert not seen.wrong


@pytest.mark.timeout(300)
async def test_a_hundred_thousand_items_are_there_at_once(browser: Browser, tmp_path: Path):
    few = await page_in(await laid(tmp_path, "few", 1_000))
    file = await page_in(await laid(tmp_path, "many", 100_000, empty=[99_999]))
    small = await (await opened(browser, few)).worked()
    seen = await opened(browser, file)
    took = await seen.worked()
    assert await seen.said() == "100,000 things; 1 to 20 are shown"
    assert took < 3 * small, "a hundred times as many take half as long again"
    items = sum(len(part.read_bytes()) for part in (tmp_path / "many" / "batches").iterdir())
    assert file.stat().st_size < items / 2, "packed, not repeated"
    assert await seen.page.evaluate("document.querySelectorAll('*').length") < 5000
    assert await seen.find("thing 98765") == "1 of 100,000 match"
    await seen.page.select_option("#find-state", "failed")
    await _until(seen, "0 of 100,000 match")
    assert not seen.wrong


async def _until(seen: Seen, said: str) -> None:
    """Wait until the items are counted so."""
    await expect(seen.page.locator("#find-said")).to_have_text(said, timeout=20_000)
