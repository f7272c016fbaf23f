"""The report's rows are written in packed blocks, not as one table."""

from activities.report import packed_blocks
from activities.report.packed_blocks import PackedBlocks


class Page:
    def __init__(self) -> None:
        self.text = ""

    async def write(self, data: bytes) -> None:
        self.text += data.decode()


async def test_thirty_rows_in_blocks_of_seven_are_five_blocks(monkeypatch):
    monkeypatch.setattr(packed_blocks, "_ROWS", 7)
    page = Page()
    blocks = PackedBlocks(page, "slots")
    for number in range(30):
        await blocks.add_row({"slot": number})
    await blocks.finish()
    assert page.text.count('data-kind="slots"') == 5
