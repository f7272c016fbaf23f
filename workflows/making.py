"""All open batches: in this history, or in shards where they are too many for one."""

from temporalio import workflow

from quire import sharding
from workflows.run.batch_loop import begun_anew, pump
from workflows.run.run import Run
from workflows.shard_dispatcher import SHARDS, in_shards

CARRIED = 20_000
"""Batches that may be open when a history is begun anew between two passes: they travel."""


async def made(run: Run) -> None:
    """Return when no batch is open, or the run is to end."""
    schedule = run.state.schedule
    if schedule.waiting() > sharding.SHARDED and not run.ending and workflow.patched(SHARDS):
        if run.alone():
            await pump(run, first=True)
        if workflow.info().is_continue_as_new_suggested() and len(schedule.ready) < CARRIED and not run.ending:
            await begun_anew(run)
        await in_shards(run)
    await pump(run)
