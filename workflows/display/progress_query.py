"""Answers to the queries `progress` and `batches`."""

from collections.abc import Mapping, Sequence
from itertools import accumulate

from quire.outcome import Usage
from quire.progress import BatchState, BatchStatus, Progress, Waits, format_progress_line
from quire.slots import format_ranges
from workflows.state.shard_messages import ShardReport
from workflows.state.state import State


def build_progress(
    state: State,
    reports: Sequence[tuple[ShardReport, Sequence[int]]],
    *,
    workflow_id: str,
    recipe: str,
    stage: str,
    in_flight: int,
    concurrency: int,
    waits: Waits,
    why: str,
) -> Progress:
    """Return counts, usage, and the sentence that a person reads.

    `reports` are those of active shards, each with the positions of its groups among the run's groups.
    """
    paused = bool(waits) and (stage == "generating" or (stage == "assembling" and waits == "repair"))
    progress = Progress(
        workflow_id=workflow_id,
        recipe=recipe,
        stage="paused" if paused else stage,  # pyright: ignore[reportArgumentType]
        why=why if paused else "",
        waits_for=waits if paused else "",
        noun=state.plan.noun if state.plan else "items",
        target=state.target,
        items=state.items,
        failed=len(state.failed),
        batches=state.batches,
        in_flight=in_flight,
        concurrency=concurrency,
        rounds=state.rounds,
        usage=state.usage,
        models=state.models,
        percent=100 * state.items // state.target if state.target else 0,
        group_word=state.plan.group_word if state.plan else "",
        groups=state.groups,
        duplicates_rejected=state.duplicates_rejected,
        duplicates_by_round=state.duplicates_by_round,
        fallbacks=state.fallbacks,
        reused=state.reused,
        simulated=state.simulated,
        started=state.started,
    )
    progress = _add_reports(progress, reports)
    return progress.model_copy(update={"line": format_progress_line(progress)})


def _add_reports(progress: Progress, reports: Sequence[tuple[ShardReport, Sequence[int]]]) -> Progress:
    if not reports:
        return progress
    total = progress.model_copy(deep=True)
    for report, positions in reports:
        total.items += report.items
        total.failed += report.failed
        total.batches.completed += report.batches_completed
        total.batches.failed += report.batches_failed
        total.in_flight += report.in_flight
        total.rounds = max(total.rounds, report.rounds)
        total.usage = total.usage.plus(report.usage)
        total.fallbacks += report.fallbacks
        total.reused += report.reused
        total.simulated = total.simulated or report.simulated
        for name, usage in report.models.items():
            total.models[name] = total.models.get(name, Usage()).plus(usage)
        for position, group in zip(positions, report.groups, strict=True):
            total.groups[position].add(group)
    total.percent = 100 * total.items // total.target if total.target else 0
    return total


def list_batch_states(state: State, in_shards: Mapping[int, BatchState] | None = None) -> list[BatchState]:
    """Return the state of each planned batch; `in_shards` are those of batches that shards hold, by number."""
    shard_states = in_shards or {}
    schedule = state.schedule
    blocked = {batch.root for group in schedule.blocked.values() for batch in group if batch.name.isdecimal()}
    generating = {int(name.partition(".")[0]) for name in schedule.open_parts} - blocked
    failed = set(state.failed_batches)
    return [
        shard_states.get(number)
        or (
            "PENDING" if number > schedule.next_batch or number in blocked
            else "GENERATING" if number in generating
            else "FAILED" if number in failed
            else "COMPLETED"
        )
        for number in range(1, len(schedule.sizes) + 1)
    ]  # fmt: skip


def list_batch_statuses(state: State, first: int, count: int, in_shards: Mapping[int, BatchState]) -> list[BatchStatus]:
    """Return state, slots and usage of `count` planned batches, from batch `first` on."""
    ends = [0, *accumulate(state.schedule.sizes)]
    return [
        BatchStatus(
            batch=number,
            slots=format_ranges(range(ends[number - 1] + 1, ends[number] + 1)),
            status=status,
            usage=state.batch_usage.get(number, Usage()),
        )
        for number, status in list(enumerate(list_batch_states(state, in_shards), 1))[first - 1 : first - 1 + count]
    ]
