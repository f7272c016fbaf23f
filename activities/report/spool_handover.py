"""Rows that were gathered while the artifact was bound, kept for the page that is written when it is checked."""

from collections import OrderedDict
from typing import TYPE_CHECKING

from temporalio import activity

if TYPE_CHECKING:
    from activities.report.spooled_rows import Gathered  # with the client of the models, which an idle worker needs not

MOST = 8
"""Runs whose rows a worker holds: where another one checks the artifact, they are never asked for."""


def run_of() -> str:
    """The run of the workflow that this activity is of."""
    return (activity.info().workflow_run_id or "") if activity.in_activity() else ""


class Pages:
    """Those of the runs that are about to end in this worker."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, Gathered] = OrderedDict()

    def keep(self, run: str, rows: "Gathered") -> None:
        """Keep the rows of a workflow's run."""
        self.take(run)
        self._of[run] = rows
        while len(self._of) > MOST:
            self._of.popitem(last=False)[1].packed.close()

    def take(self, run: str) -> "Gathered | None":
        """Its rows, once; None where they are not here, or not whole."""
        rows = self._of.pop(run, None)
        return rows if rows is not None and rows.whole else None
