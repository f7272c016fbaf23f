"""The activity `verify`: read the artifact back in every format and check it, then write the report."""

import json
from collections.abc import Iterator

import jsonschema_rs

from activities.assemble_artifact import DIVERSITY_KEY
from activities.heartbeats import count_heartbeat
from activities.output.document_format import to_one_line
from activities.output.formats import OUTPUT_FORMATS
from activities.output.output_format import ArtifactContext, ArtifactEntry, OutputFormat, has_own_lines
from activities.report import page
from activities.store.object_store import REPORT_KEY, Store
from activities.store.plan_file import PlanCache
from quire.contracts import VerifyInput, VerifyResult
from quire.request import Format
from quire.slots import Slot

_MAX_PROBLEMS = 20
"""Problems of one format after which its check ends."""


async def verify_artifact(input: VerifyInput, plans: PlanCache) -> VerifyResult:
    """Check count, ids, order and schema, as far as each format shows them, and write the report and its page."""
    plan = await plans.open_plan(input.job)
    store = plan.store
    problems: list[str] = []
    if input.result.artifact is not None:
        context = ArtifactContext(plan.recipe, plan.slots, {}, store.workflow_id, input.result.started)
        for name in dict.fromkeys(plan.request.output.formats):
            problems += await find_problems(name, store, context, input.result.items)
    report = input.result.model_dump(mode="json") | {
        "problems": problems,
        "batch_states": input.batch_states,
        "batch_usage": {number: usage.model_dump() for number, usage in input.batch_usage.items()},
        "diversity": json.loads(await store.get(DIVERSITY_KEY) or b"[]"),
    }
    await store.put(REPORT_KEY, json.dumps(report, ensure_ascii=False, indent=1).encode() + b"\n")
    return VerifyResult(problems=[*problems, *await page.try_to_write_page(plan, report)])


async def find_problems(name: Format, store: Store, context: ArtifactContext, expected: int) -> list[str]:
    """Return what is wrong with one format of the artifact as it is stored, in words for people; empty if nothing.

    `expected` is how many items the artifact must hold.
    """
    output_format = OUTPUT_FORMATS[name]
    check = _EntryCheck(output_format, context)
    try:
        async for entry in output_format.read_back(store, context):
            check.add_entry(entry)
            count_heartbeat(check.entries)
            if len(check.problems) >= _MAX_PROBLEMS:
                return check.problems
    except (ValueError, KeyError) as error:
        check.add_problem(f"it cannot be read back: {error}")
    has_no_items = check.entries > check.items or (not check.entries and has_own_lines(context.recipe))
    if check.items != expected and not has_no_items:
        check.add_problem(f"it holds {check.items:,} items instead of {expected:,}")
    return check.problems


class _EntryCheck:
    """The check of one format's entries, one after another."""

    def __init__(self, output_format: type[OutputFormat], context: ArtifactContext) -> None:
        self._file, self._slots = output_format.file, context.slots
        self._remaining_slots: Iterator[Slot] = iter(context.slots)
        schema = output_format.get_entry_schema(context)
        self._validator = jsonschema_rs.validator_for(schema, offline=True) if schema else None
        self.problems: list[str] = []
        self.entries = self.items = 0

    def add_problem(self, problem: str) -> None:
        """Record a problem of the format's file."""
        self.problems.append(f"{self._file}: {problem}")

    def add_entry(self, entry: ArtifactEntry) -> None:
        """Check the next entry: ids come once each, in slot order; slots that are skipped are not filled."""
        self.entries += 1
        if entry.id is not None:
            self.items += 1
            if not any(_is_of_slot(entry, slot) for slot in self._remaining_slots):
                is_known = any(_is_of_slot(entry, slot) for slot in self._slots)
                self.add_problem(f"id {entry.id!r} is {'repeated or out of order' if is_known else 'unknown'}")
                self._remaining_slots = iter(self._slots)
                return
        if self._validator is not None and not self._validator.is_valid(entry.item):
            self.add_problem(f"{entry.id or f'line {self.entries}'} does not match the item schema")


def _is_of_slot(entry: ArtifactEntry, slot: Slot) -> bool:
    """Return whether an entry is the slot's item; a heading begins with the item's id."""
    if entry.item is not None or entry.id is None:
        return entry.id == slot.key
    key = to_one_line(slot.key)
    return entry.id == key or entry.id.startswith(f"{key}: ")
