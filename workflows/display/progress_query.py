"""What a run answers when it is asked how far it is."""

from collections.abc import Mapping, Sequence
from itertools import accumulate

from quire.outcome import Usage
from quire.progress import BatchState, BatchStatus, Progress, Waits, line
from quire.slots import ranges
from workflows.state.shard_messages import Report
from workflows.state.state import State


def progress(
    state: State,
    reports: Sequence[tuple[Report, Sequence[int]]],
    *,
    workflow_id: str,
    recipe: str,
    stage: str,
    in_flight: int,
    concurrency: int,
    waits: Waits,
    why: str,
) -> Progress:
    """Counts, usage, and the sentence that a person reads."""
    held = bool(waits) and (stage == "generating" or (stage == "assembling" and waits == "repair"))
    shown = Progress(
        workflow_id=workflow_id,
        recipe=recipe,
        stage="paused" if held else stage,  # pyright: ignore[reportArgumentType]
        why=why if held else "",
        waits_for=waits if held else "",
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
        duplicates_by_round=state.rejections,
        fallbacks=state.fallbacks,
        reused=state.reused,
        simulated=state.simulated,
        started=state.started,
    )
    shown = _with_shards(shown, reports)
    return shown.model_copy(update={"line": line(shown)})


def _with_shards(shown: Progress, reports: Sequence[tuple[Report, Sequence[int]]]) -> Progress:
    """What the shards at work have told of themselves is added; each tells of some of the groups."""
    if not reports:
        return shown
    added = shown.model_copy(deep=True)
    for report, positions in reports:
        added.items += report.items
        added.failed += report.failed
        added.batches.completed += report.completed
        added.batches.failed += report.given_up
        added.in_flight += report.in_flight
        added.rounds = max(added.rounds, report.rounds)
        added.usage = added.usage.plus(report.usage)
        added.fallbacks += report.fallbacks
        added.reused += report.reused
        added.simulated = added.simulated or report.simulated
        for name, used in report.models.items():
            added.models[name] = added.models.get(name, Usage()).plus(used)
        for position, group in zip(positions, report.groups, strict=True):
            added.groups[position].count(group)
    added.percent = 100 * added.items // added.target if added.target else 0
    return added


def batch_states(state: State, elsewhere: Mapping[int, BatchState] | None = None) -> list[BatchState]:
    """Where each planned batch is; `elsewhere` are those that shards have or wait to get."""
    sent = elsewhere or {}
    schedule = state.schedule
    blocked = {batch.root for group in schedule.blocked.values() for batch in group if batch.name.isdecimal()}
    going = {int(name.partition(".")[0]) for name in schedule.live} - blocked
    failed = set(state.batches_failed)
    return [
        sent.get(number)
        or (
            "PENDING" if number > schedule.next_batch or number in blocked
            else "GENERATING" if number in going
            else "FAILED" if number in failed
            else "COMPLETED"
        )
        for number in range(1, len(schedule.sizes) + 1)
    ]  # fmt: skip


def statuses(state: State, first: int, count: int, elsewhere: Mapping[int, BatchState]) -> list[BatchStatus]:
    """The same for a page of batches, with their slots and what they took."""
    ends = [0, *accumulate(state.schedule.sizes)]
    return [
        BatchStatus(
            batch=number,
            slots=ranges(range(ends[number - 1] + 1, ends[number] + 1)),
            status=status,
            usage=state.batch_usage.get(number, Usage()),
        )
        for number, status in list(enumerate(batch_states(state, elsewhere), 1))[first - 1 : first - 1 + count]
    ]
