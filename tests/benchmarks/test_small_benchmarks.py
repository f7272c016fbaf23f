"""The benchmarks at small sizes: ratios within one run, with room for a machine that has other work."""

import pytest

from benchmarks import forms, scale, speed
from tests.support.servers import run_embedded_server


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restores the environment variables that the benchmarks set."""
    for name in ("QUIRE_HOME", "QUIRE_PORT", "OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


async def test_a_run_takes_less_than_twice_the_ideal_time():
    async with run_embedded_server() as (client, store):
        alone, ours = await speed.measure(client, store, (120, 12, 0.5))
    assert ours / 5 < 2, f"{ours / 5:.2f} of the ideal"
    assert ours / alone < 1.75, f"{ours / alone:.2f} of plain asyncio"


async def test_short_calls_are_bundled_enough_to_stay_fast():
    async with run_embedded_server() as (client, store):
        alone, ours = await speed.measure(client, store, (600, 50, 0.05))
    assert ours / alone < 4, f"{ours / alone:.2f} of plain asyncio; one call an activity gave 12"


async def test_time_and_memory_per_item_stay_constant_beyond_one_history():
    small, large = await scale.measure(400, 64, 0.05), await scale.measure(1600, 64, 0.05)
    assert large.histories > 1 and large.longest < 2000
    assert large.each / small.each < 1.3, f"{large.each / small.each:.2f} of the cost of an item"
    assert large.worker_mb / small.worker_mb < 1.3, f"{large.worker_mb / small.worker_mb:.2f} of the memory"


async def test_a_worker_killed_in_the_middle_changes_no_count():
    same, counted, unheard = await scale.compare_with_kill(1300, 64, 0.05)
    assert same and counted == 1300 and unheard <= 64


async def test_memory_stays_constant_as_an_artifact_grows_in_every_format():
    kinds = ("csv", "parquet", "markdown", "docx")
    small, large = await forms.measure_formats(500, kinds), await forms.measure_formats(5000, kinds)
    for before, after in zip(small, large, strict=True):
        assert after.rss_mb / before.rss_mb < 1.4, f"{after.form}: {before.rss_mb:.0f} MB, then {after.rss_mb:.0f} MB"
