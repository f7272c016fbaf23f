"""Long lists are packed for payloads and equal after a round trip."""

import json

from hypothesis import given
from hypothesis import strategies as st

from quire.contracts import PlanResult
from quire.outcome import OpenSlot
from quire.schedule import Schedule
from quire.slots import Batch
from workflows.state.state import State

BATCHES = st.lists(
    st.builds(
        Batch,
        name=st.sampled_from(["1", "2", "3", "17", "2.1", "5.d1"]),
        slots=st.lists(st.integers(1, 50), min_size=1, max_size=5, unique=True).map(tuple),
        tries=st.integers(1, 3),
        rejected_by=st.sampled_from(["", "1", "2.1"]),
    ),
    max_size=20,
)


@given(
    sizes=st.lists(st.integers(1, 12), max_size=200),
    back=st.integers(0, 3),
    batches=BATCHES,
    failed=st.lists(st.tuples(st.integers(1, 300), st.sampled_from(["missing", "invalid"])), max_size=150),
)
def test_packed_lists_are_equal_after_a_round_trip(sizes, back, batches, failed):
    after = [max(0, number - back) if back else 0 for number in range(1, len(sizes) + 1)]
    slots = [OpenSlot(slot=number, reason=reason, detail="x") for number, reason in failed]
    state = State(schedule=Schedule(sizes=sizes, after=after), failed=slots)
    state.schedule.ready.extend(batches)
    assert State.model_validate_json(state.model_dump_json()) == state
    plan = PlanResult(sizes=sizes, after=after, noun="items", tokens_per_item=1)
    assert PlanResult.model_validate_json(plan.model_dump_json()) == plan


def test_a_million_batches_fit_into_a_payload():
    count = 1_000_000
    plan = PlanResult(sizes=[10] * count, after=list(range(count)), noun="items", tokens_per_item=1)
    schedule = Schedule(sizes=[10] * count)
    schedule.ready.extend(Batch(name=str(n), slots=(n,)) for n in range(1, 5001))
    failed = [OpenSlot(slot=n, reason="failed", detail="HTTP 500") for n in range(1, 50_001)]
    for part in (plan, schedule, State(failed=failed)):
        assert len(part.model_dump_json()) < 3000, part.model_dump_json()[:300]


def test_unpacked_lists_are_read_too():
    old = {"sizes": [1] * 100, "after": [0, *range(1, 100)], "ready": [{"name": "2.1", "slots": [4]}]}
    schedule = Schedule.model_validate_json(json.dumps(old))
    assert schedule.sizes == old["sizes"] and schedule.after == old["after"] and schedule.ready[0].slots == (4,)
