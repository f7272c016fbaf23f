"""The page's rows as they are gathered while the artifact is bound."""

import tempfile
from collections.abc import Awaitable, Callable, Sequence
from typing import ParamSpec

from temporalio import activity

from activities.report.ledger import Attempt
from activities.report.page_rows import Rows, Twins
from activities.store.batch_files import Row
from activities.store.plan_file import OpenPlan
from quire.slots import Slot

P = ParamSpec("P")
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
        await self._beside(super().batch, first, calls)

    async def slot(self, slot: Slot, found: Row | None, reason: str | None, attempts: Sequence[Attempt]) -> None:
        await self._beside(super().slot, slot, found, reason, attempts)

    async def end(self) -> None:
        await self._beside(super().end)

    async def _beside(self, tell: Callable[P, Awaitable[None]], *args: P.args, **kwargs: P.kwargs) -> None:
        if self.whole:
            try:
                await tell(*args, **kwargs)
            except Exception as error:
                self.whole = False
                activity.logger.warning("rows of report.html", exc_info=error)
