"""The page's rows as they are gathered while the artifact is bound."""

import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from temporalio import activity

from activities.bound import Row
from activities.ledger import Attempt
from activities.planfile import OpenPlan
from activities.report.rows import Rows, Twins
from quire.slots import Slot

HELD = 1 << 20
"""Bytes of them in memory; more are in a temporary file."""


class Gathered(Rows):
    """What is wrong with them is no reason for an artifact to be lost: the page then goes through the store itself."""

    def __init__(self, plan: OpenPlan, twins: Twins) -> None:
        self.packed = tempfile.SpooledTemporaryFile(max_size=HELD)  # noqa: SIM115  # the page closes it
        self.whole = True
        super().__init__(plan, twins, self)

    async def write(self, data: bytes) -> None:
        """More of the page."""
        self.packed.write(data)

    async def batch(self, first: int, calls: Sequence[Attempt]) -> None:
        if self.whole:
            async with self._beside():
                await super().batch(first, calls)

    async def slot(self, slot: Slot, found: Row | None, reason: str | None, attempts: Sequence[Attempt]) -> None:
        if self.whole:
            async with self._beside():
                await super().slot(slot, found, reason, attempts)

    async def end(self) -> None:
        if self.whole:
            async with self._beside():
                await super().end()

    @asynccontextmanager
    async def _beside(self) -> AsyncGenerator[None]:
        try:
            yield
        except Exception as error:
            self.whole = False
            activity.logger.warning("rows of report.html", exc_info=error)
