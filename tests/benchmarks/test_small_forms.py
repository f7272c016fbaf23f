"""Small forms of the benchmarks: ratios of one run, with room for a machine that has other work."""

import pytest

from benchmarks import forms, scale, speed
from benchmarks.harness import server


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the benchmarks set is put back afterwards."""
    for name in ("QUIRE_HOME", "QUIRE_PORT", "OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


async def test_a_run_takes_about_as_long_as_its_calls_must():
    async with server() as (client, store):
        alone, ours = await speed.measured(client, store, (120, 12, 0.5))
    assert ours / 5 < 2, f"{ours / 5:.2f} of the ideal"
    assert ours / alone < 1.75, f"{ours / alone:.2f} of plain asyncio"


async def test_short_calls_are_not_bound_by_the_engine():
    async with server() as (client, store):
        alone, ours = await speed.measured(client, store, (600, 50, 0.05))
    assert ours / alone < 4, f"{ours / alone:.2f} of plain asyncio; one call an activity gave 12"


async def test_cost_and_memory_stay_as_a_run_grows_beyond_one_history():
    small, large = await scale.measured(400, 64, 0.05), await scale.measured(1600, 64, 0.05)
    assert large.histories > 1 and large.longest < 2000
    assert large.each / small.each < 1.3, f"{large.each / small.each:.2f} of the cost of an item"
    assert large.worker_mb / small.worker_mb < 1.3, f"{large.worker_mb / small.worker_mb:.2f} of the memory"


async def test_a_worker_killed_in_the_middle_changes_nothing_that_is_counted():
    same, counted, unheard = await scale.killed(1300, 64, 0.05)
    assert same and counted == 1300 and unheard <= 64


async def test_memory_stays_as_an_artifact_grows_in_every_form():
    kinds = ("csv", "parquet", "markdown", "docx")
    small, large = await forms.measured(500, kinds), await forms.measured(5000, kinds)
    for before, after in zip(small, large, strict=True):
        assert after.rss_mb / before.rss_mb < 1.4, f"{after.form}: {before.rss_mb:.0f} MB, then {after.rss_mb:.0f} MB"
