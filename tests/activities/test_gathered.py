"""The report's rows are gathered while the artifact is bound; where that fails, the page goes through the store."""

from pathlib import Path

import pytest

from activities.report import packed_blocks
from activities.report.spooled_rows import Gathered
from quire.progress import Result
from runtime.worker.host import hosted
from tests.workflows.test_endpoint import exact, things


async def report(client, tmp_path: Path, name: str) -> str:
    request = things(tmp_path, 30)
    async with hosted(client):
        result = await client.execute_workflow(
            "GenerateArtifact", request, id=name, task_queue="quire", result_type=Result
        )
    exact(tmp_path, name, result, 30)
    assert not any("report.html" in warning for warning in result.warnings)
    return (tmp_path / name / "report.html").read_text()


async def test_the_page_is_the_same_whether_its_rows_were_gathered_or_not(client, simulator, tmp_path, monkeypatch):
    opened: list[Gathered] = []
    monkeypatch.setattr(packed_blocks, "_ROWS", 7)
    usual = Gathered.end

    async def ended(self: Gathered) -> None:
        opened.append(self)
        await usual(self)

    monkeypatch.setattr(Gathered, "end", ended)
    page = await report(client, tmp_path, "gathered")
    assert opened[0].whole and page.count('data-kind="slots"') == 5 and page.count('data-kind="calls"') >= 1


async def test_a_full_disk_for_the_rows_costs_neither_artifact_nor_page_and_is_told_once(
    client, simulator, tmp_path, monkeypatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(packed_blocks, "_ROWS", 7)

    async def full(self: Gathered, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Gathered, "write", full)
    page = await report(client, tmp_path, "not-gathered")
    assert page.count('data-kind="slots"') == 5
    assert sum("rows of report.html" in record.message for record in caplog.records) == 1
