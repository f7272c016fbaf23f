"""Calls that the server is to make again: how many, why, and when; of a run and its shards."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError

from quire.contracts import SHARD, TURN
from runtime.text.wording import clock, printable, several

LIMITED = "RateLimitError"
"""The failure type of an HTTP 429, by the client's own name for it."""
SHORT = 120
"""Characters of an endpoint's words that are shown."""


@dataclass(frozen=True)
class Again:
    """Calls that have failed at least once and are not back."""

    retried: int = 0
    limited: int = 0
    """Those of them that wait because the endpoint has told them to slow down."""
    turns: int = 0
    """Calls that wait for their turn under `rpm` and `tpm`."""
    until: float | None = None
    """When the first of those that wait goes again, in seconds since 1970."""
    reason: str = ""
    """What was said to most of them."""

    def words(self) -> str:
        """What they wait for; empty where none does."""
        when = f" until {clock(self.until)}" if self.until else ""
        if self.limited:
            return f"rate limit{when}: {several(self.limited, 'call')} told to slow down"
        if self.turns:
            return f"the model's rates (rpm, tpm){when}: {several(self.turns, 'call')} in line"
        return ""


async def again(client: Client, described: WorkflowExecutionDescription, now: float) -> Again:
    """What the server says of a run that is live."""
    raw = described.raw_description
    shards = [child.workflow_id for child in raw.pending_children if child.workflow_type_name == SHARD]
    pending = list(raw.pending_activities)
    for found in await asyncio.gather(*(_pending(client, shard) for shard in shards)):
        pending += found
    return counted(pending, now)


async def _pending(client: Client, shard: str) -> list[Any]:
    try:
        return list((await client.get_workflow_handle(shard).describe()).raw_description.pending_activities)
    except RPCError:  # it has just ended
        return []


def counted(pending: Iterable[Any], now: float) -> Again:
    """The same from the server's records of pending activities."""
    failed = [one for one in pending if one.attempt > 1]
    kinds = [one.last_failure.application_failure_info.type for one in failed]
    tried = [one for one, kind in zip(failed, kinds, strict=True) if kind != TURN]
    waiting = [
        (one, kind)
        for one, kind in zip(failed, kinds, strict=True)
        if one.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
    ]
    times = [at for one, _ in waiting if (at := one.next_attempt_schedule_time.ToNanoseconds() / 1e9) > now]
    said = Counter(printable(one.last_failure.message)[:SHORT] for one in tried)
    return Again(
        retried=len(tried),
        limited=sum(kind == LIMITED for _, kind in waiting),
        turns=sum(kind == TURN for _, kind in waiting),
        until=min(times, default=None),
        reason=said.most_common(1)[0][0] if said else "",
    )
