"""Read every form of an artifact back and check it; write the report."""

import json
from collections.abc import Iterator

import jsonschema_rs
from temporalio import activity

from activities.assemble_artifact import FIGURES
from activities.output.document_format import one_line
from activities.output.formats import FORMS
from activities.output.output_format import Bound, Entry, Form, own_lines
from activities.report import page
from activities.report.spool_handover import Pages, run_of
from activities.store.object_store import Store
from activities.store.plan_file import Plans
from quire.contracts import Verified, VerifyInput
from quire.request import Format
from quire.slots import Slot

_MOST = 20
"""Problems that are told of one form."""


async def verify(given: VerifyInput, plans: Plans, pages: Pages) -> Verified:
    """Check count, ids, order and schema, as far as each form shows them; write the report."""
    plan = await plans.read(given.job)
    store = plan.store
    problems: list[str] = []
    if given.result.artifact is not None:
        bound = Bound(plan.recipe, plan.slots, {}, store.workflow_id, given.result.started)
        for kind in dict.fromkeys(plan.request.output.formats):
            problems += await problems_of(kind, store, bound, given.result.items)
    report = given.result.model_dump(mode="json") | {
        "problems": problems,
        "batch_states": given.batch_states,
        "batch_usage": {number: usage.model_dump() for number, usage in given.batch_usage.items()},
        "diversity": json.loads(await store.get(FIGURES) or b"[]"),
    }
    await store.put("report.json", json.dumps(report, ensure_ascii=False, indent=1).encode() + b"\n")
    return Verified(problems=[*problems, *await page.left_beside(plan, report, pages.take(run_of()))])


async def problems_of(kind: Format, store: Store, bound: Bound, expected: int) -> list[str]:
    """What is wrong with one form, as it lies in the store."""
    form = FORMS[kind]
    seen = _Seen(form, bound)
    try:
        async for entry in form.read_back(store, bound):
            seen.look(entry)
            if seen.count % 200 == 0 and activity.in_activity():
                activity.heartbeat(seen.count)
            if len(seen.problems) >= _MOST:
                return seen.problems
    except (ValueError, KeyError) as error:
        seen.say(f"it cannot be read back: {error}")
    no_items = seen.count > seen.items or (not seen.count and own_lines(bound.recipe))
    if seen.items != expected and not no_items:
        seen.say(f"it holds {seen.items} items, {expected} were bound")
    return seen.problems


class _Seen:
    """The entries of one form, looked at one after another."""

    def __init__(self, form: type[Form], bound: Bound) -> None:
        self._file, self._slots = form.file, bound.slots
        self._left: Iterator[Slot] = iter(bound.slots)
        schema = form.schema(bound)
        self._validator = jsonschema_rs.validator_for(schema, offline=True) if schema else None
        self.problems: list[str] = []
        self.count = self.items = 0

    def say(self, problem: str) -> None:
        self.problems.append(f"{self._file}: {problem}")

    def look(self, entry: Entry) -> None:
        """Ids come once each, in slot order; slots between them are not filled."""
        self.count += 1
        if entry.id is not None:
            self.items += 1
            if not any(_is(slot, entry) for slot in self._left):
                known = any(_is(slot, entry) for slot in self._slots)
                self.say(f"id {entry.id!r} is {'there twice, or out of order' if known else 'unknown'}")
                self._left = iter(self._slots)
                return
        if self._validator is not None and not self._validator.is_valid(entry.item):
            self.say(f"{entry.id or f'line {self.count}'} does not have the item's schema")


def _is(slot: Slot, entry: Entry) -> bool:
    """Whether an entry is the slot's; a heading begins with the id."""
    if entry.item is not None or entry.id is None:
        return entry.id == slot.key
    key = one_line(slot.key)
    return entry.id == key or entry.id.startswith(f"{key}: ")
