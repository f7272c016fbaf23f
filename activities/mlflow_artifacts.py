"""The files of an ended run that go to MLflow: the artifact in every form, the report, the ledger."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from activities import report
from activities.output import formats
from activities.report import ledger
from activities.tracking.batch_log import Place

BESIDE = ("report.json", report.KEY, ledger.KEY)


async def upload(place: Place) -> None:
    """Copy each that is there from the store to MLflow, under the same name."""
    async for key in _keys(place):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / key.rpartition("/")[2]
            if await place.store.copy(key, copy):
                await place.tell(place.tracker.file, place.run, str(copy), key.rpartition("/")[0])


async def _keys(place: Place) -> AsyncIterator[str]:
    for kind in place.plan.request.output.formats:
        address = formats.FORMS[kind].address
        folder = [key async for key in place.store.keys(f"{address}/")]
        for key in folder or [address]:
            yield key
    for key in BESIDE:
        yield key
