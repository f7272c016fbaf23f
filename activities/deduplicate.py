"""Look for twins among the items that are there; the later one, in slot order, is rejected."""

import json
from typing import Any

from temporalio import activity

from activities.bound import Shelf, open_shelf, rejected_items, rejected_key
from activities.planfile import OpenPlan, Plans
from activities.store import Store
from quire.contracts import Deduplicated, DeduplicateInput, Twin
from quire.duplicates import key_of, twins

_SHOWN = 400
"""Characters of a twin that a prompt shows as one to avoid."""


async def deduplicate(given: DeduplicateInput, plans: Plans) -> Deduplicated:
    """One round. What an earlier round let stay, stays: only items made since are in question. The accepted keys are
    kept in `duplicates/keys-<round>.json`, so that no text is read twice."""
    plan = await plans.read(given.job)
    store = Store(given.job.store, given.job.workflow_id)
    shelf = await open_shelf(store, without=await rejected_items(store, before=given.round))
    accepted = await _accepted(store, given.round - 1)
    candidates = [
        (number, await _key(plan, shelf, number)) for number in sorted(shelf.places) if number not in accepted
    ]
    window = plan.request.duplicates.window
    stays, found = twins(candidates, accepted, None if window == "all" else window)
    rejected = {
        number: {"file": shelf.places[number], "of": plan.slots[twin - 1].key, "avoid": await _avoid(plan, shelf, twin)}
        for number, twin in found.items()
    }
    await store.put(_keys(given.round), json.dumps(stays).encode())
    await store.put(rejected_key(given.round), json.dumps(rejected, ensure_ascii=False).encode())
    return Deduplicated(rejected=[Twin(slot=number, of=plan.slots[twin - 1].key) for number, twin in found.items()])


def fields_of(plan: OpenPlan) -> tuple[str, ...]:
    """What is compared: as the request says, else as the recipe does."""
    return plan.request.duplicates.fields or plan.recipe.compared


async def _key(plan: OpenPlan, shelf: Shelf, number: int) -> str:
    if number % 200 == 0 and activity.in_activity():
        activity.heartbeat(number)
    return key_of(plan.request.duplicates.method, await _item(shelf, number), fields_of(plan))


async def _item(shelf: Shelf, number: int) -> dict[str, Any]:
    row = await shelf.row(number)
    return row["item"] if row else {}


async def _avoid(plan: OpenPlan, shelf: Shelf, number: int) -> str:
    item = await _item(shelf, number)
    return json.dumps({name: item.get(name) for name in fields_of(plan)}, ensure_ascii=False)[:_SHOWN]


def _keys(round_: int) -> str:
    return f"duplicates/keys-{round_}.json"


async def _accepted(store: Store, round_: int) -> dict[int, str]:
    data = await store.get(_keys(round_))
    return {int(number): key for number, key in json.loads(data).items()} if data else {}
