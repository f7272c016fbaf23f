"""An artifact of your own, described in the request, without code."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, cast

import jsonschema_rs
from pydantic import Field, StrictStr

from quire.lazy_sequence import LazySequence
from quire.progress import Group
from quire.request import MAX_TARGET, Part, Request
from quire.slots import Slot
from recipes.base.recipe import ANSWER_FORM, BatchContext, InputError, Item, Recipe, listing
from recipes.custom.item_schema import add_slot_number, prepare_schema
from recipes.custom.slot_sources import (
    DraftRange,
    SlotDrafts,
    SlotSource,
    check_group_names,
    find_count_field,
    list_draft_ranges,
    missing_column_message,
    read_rows,
)
from recipes.custom.templates import Templates, list_attributes

COMMON = ("params", "documents", "total")
"""Variables that all templates can read."""


class Check(Part):
    """A condition that every item must meet."""

    that: StrictStr = Field(min_length=1, description="a condition on `item`, such as item.price > 0")
    say: StrictStr = Field(min_length=1, description="what the model is told if the condition does not hold")


class CustomInputs(Part):
    """The inputs, which are the whole recipe: item, prompt, slots, checks and fallback."""

    item: dict[str, Any] = Field(
        description="JSON Schema of one item, an object",
        json_schema_extra={"allOf": [{"$ref": "http://json-schema.org/draft-07/schema#"}], "required": ["properties"]},
    )
    instructions: StrictStr = Field(
        min_length=1, description="template: what is made and how; the same for all batches"
    )
    prompt: StrictStr = Field(min_length=1, description="template: the line of one slot")
    slots: SlotSource
    noun: StrictStr = Field(default="items", pattern=r"^[a-z][a-z_]*$", description="what the items are called")
    documents: dict[str, StrictStr] = Field(
        default_factory=dict, description="files that templates read: .txt, .md, .pdf, .docx"
    )
    params: dict[str, Any] = Field(default_factory=dict, description="values that templates read")
    fallback: dict[str, Any] | None = Field(default=None, description="templates of an item that the model cannot make")
    unique: tuple[StrictStr, ...] = Field(default=(), description="fields that no two items share")
    checks: tuple[Check, ...] = Field(default=(), description="conditions that every item must meet")


class Custom(Recipe):
    """The artifact that the request describes."""

    name: ClassVar[str] = "custom"
    Inputs: ClassVar[type[Part]] = CustomInputs

    def __init__(self, request: Request, texts: Mapping[str, str], documents: Mapping[str, str]) -> None:
        super().__init__(request, texts, documents)
        self.parameters = cast(CustomInputs, self.inputs)
        self.noun = self.parameters.noun
        self.schema = prepare_schema(self.parameters.item, "inputs.item")
        self.templates = Templates()
        source = self.parameters.slots
        rows = read_rows(texts["slots.rows"], documents["slots.rows"], source) if source.rows else []
        self.drafts = self._limit_to_target(list_draft_ranges(source, rows))
        self._check_templates(rows)
        self.compared = self.parameters.unique
        self.group_word = "Group" if source.groups else ""
        self._system = self._render_instructions()

    @classmethod
    def files(cls, inputs: Part) -> dict[str, str]:
        parameters = cast(CustomInputs, inputs)
        rows = {"slots.rows": parameters.slots.rows} if parameters.slots.rows else {}
        return rows | {f"documents.{name}": path for name, path in parameters.documents.items()}

    @classmethod
    def defaults_for(cls, inputs: Part) -> dict[str, Any]:
        parameters = cast(CustomInputs, inputs)
        defaults: dict[str, Any] = {}
        if parameters.fallback:
            defaults["on_failure"] = "fallback"
        if parameters.unique:
            defaults["duplicates"] = {"method": "exact", "fields": list(parameters.unique)}
        return defaults

    # Checks before anything is paid for ----------------------------------------------------------------------------

    def _limit_to_target(self, ranges: Sequence[DraftRange]) -> SlotDrafts:
        """Return the first `target` drafts, or all. Raises InputError if two have the same id."""
        source = self.parameters.slots
        total = sum(part.count for part in ranges)
        if min(total, self.request.target or total) > MAX_TARGET:
            raise InputError(
                f"inputs.slots{find_count_field(source)}", f"{total:,} items are too many; {MAX_TARGET:,} are allowed"
            )
        if source.groups is not None:
            check_group_names(source.groups, "inputs.slots.groups")
        target, drafts = self.request.target, SlotDrafts(ranges)
        if target is not None and target > len(drafts):
            raise InputError("target", f"inputs.slots make {len(drafts)}; target can only be smaller")
        drafts = SlotDrafts(ranges, target)
        keys: set[str] = set()
        for draft in drafts if source.count is None else ():
            if draft.key in keys:
                field = "key" if source.key else "groups" if source.groups is not None else "rows"
                raise InputError(f"inputs.slots.{field}", f"two items would have the id '{draft.key}'")
            keys.add(draft.key)
        return drafts

    def _check_templates(self, rows: Sequence[dict[str, Any]]) -> None:
        """Raise InputError if a template, check or fallback uses a variable, column or field that does not exist."""
        parameters = self.parameters
        self.templates.check_names(parameters.instructions, COMMON, "inputs.instructions")
        names = (*COMMON, "number", *self.drafts[0].values)
        self.templates.check_names(parameters.prompt, names, "inputs.prompt")
        for name in list_attributes(parameters.prompt, "row"):
            for number, row in enumerate(rows, 1):
                if name not in row:
                    message = missing_column_message(self.documents["slots.rows"], name, number, row)
                    raise InputError("inputs.prompt", message)
        for index, check in enumerate(parameters.checks):
            field = f"inputs.checks.{index}.that"
            self.templates.check_names(f"{{{{ {check.that} }}}}", (*names, "item"), field)
            self._check_fields(list_attributes(check.that, "item"), field)
        self._check_fields(parameters.unique, "inputs.unique")
        if parameters.fallback is not None:
            self._check_fields(parameters.fallback, "inputs.fallback")
            if faults := self._find_fallback_faults(self.build_slot(1)):
                raise InputError("inputs.fallback", f"the template does not make an item: {faults[0]}")

    def _check_fields(self, names: Sequence[str] | Mapping[str, Any], field: str) -> None:
        fields = self.schema["properties"]
        for name in names:
            if name not in fields:
                raise InputError(field, f"an item has no field '{name}'; it has: {', '.join(fields)}")

    def _find_fallback_faults(self, slot: Slot) -> list[str]:
        item = self.fallback(slot, BatchContext()) or {}
        validator = jsonschema_rs.validator_for(add_slot_number(self.schema), offline=True)
        return [error.message for error in validator.iter_errors(item)] or self.faults(item, slot)

    # The plan ------------------------------------------------------------------------------------------------------

    def default_target(self) -> int:
        return len(self.drafts)

    def groups(self, target: int) -> list[Group]:
        return [Group(name=name, target=count) for name, count in self.drafts.count_by_group()]

    def lay_out(self, sizes: Sequence[int]) -> tuple[Sequence[Slot], list[str]]:
        slots = CustomSlots(self)
        for _ in slots:  # a template that fails for any slot must fail before anything is paid for
            pass
        return slots, []

    def build_slot(self, number: int) -> Slot:
        """Return a slot by its number. Raises InputError if its prompt cannot be rendered, or is empty."""
        draft = self.drafts[number - 1]
        values = {**draft.values, "number": number}
        brief = self.templates.render(self.parameters.prompt, values, "inputs.prompt", self._common_values)
        if not brief:
            raise InputError("inputs.prompt", f"the template is empty for slot {draft.key}")
        return Slot(number=number, key=draft.key, brief=brief, data=draft.values)

    @cached_property
    def _common_values(self) -> dict[str, Any]:
        """The values of all templates, as one object: they are sent to another process once."""
        documents = {name: self.texts[f"documents.{name}"] for name in self.parameters.documents}
        return {"params": self.parameters.params, "documents": documents, "total": len(self.drafts)}

    def _render_instructions(self) -> str:
        text = self.templates.render(self.parameters.instructions, {}, "inputs.instructions", self._common_values)
        return f"{text}\n{ANSWER_FORM}"

    def _slot_values(self, slot: Slot) -> dict[str, Any]:
        return {**slot.data, "number": slot.number}

    # The prompt and the answer -------------------------------------------------------------------------------------

    def system(self) -> str:
        return self._system

    def task(self, slots: Sequence[Slot], context: BatchContext) -> str:
        return f"Make exactly {len(slots)} of them, one for each slot:\n{listing(slots)}"

    def item_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        return add_slot_number(self.schema)

    def faults(self, item: Item, slot: Slot) -> list[str]:
        values = {**self._slot_values(slot), "item": item}
        checks = enumerate(self.parameters.checks)
        return [check.say for index, check in checks if not self._is_met(check, index, values)]

    def _is_met(self, check: Check, index: int, values: Mapping[str, Any]) -> bool:
        try:
            return self.templates.is_true(check.that, values, f"inputs.checks.{index}.that", self._common_values)
        except InputError:
            return False  # such as a comparison of a field that this item leaves out

    def fallback(self, slot: Slot, context: BatchContext) -> Item | None:
        if self.parameters.fallback is None:
            return None
        values = self._slot_values(slot)
        fields = {
            name: self._render_parts(part, values, f"inputs.fallback.{name}")
            for name, part in self.parameters.fallback.items()
        }
        return {"slot": slot.number, **fields}

    def _render_parts(self, part: Any, values: Mapping[str, Any], field: str) -> Any:
        if isinstance(part, str):
            return self.templates.render(part, values, field, self._common_values)
        if isinstance(part, list):
            return [self._render_parts(inner, values, field) for inner in cast(list[Any], part)]
        if isinstance(part, dict):
            return {key: self._render_parts(inner, values, field) for key, inner in cast(dict[str, Any], part).items()}
        return part

    # The artifact --------------------------------------------------------------------------------------------------

    def artifact_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        schema = super().artifact_schema(slots)
        return {key: part for key, part in schema.items() if key not in ("minProperties", "maxProperties")}

    def chapter(self, item: Item) -> str:
        return item["id"].rpartition("/")[0] if self.parameters.slots.groups else ""


class CustomSlots(LazySequence[Slot]):
    """The slots of a custom recipe, each rendered on demand."""

    def __init__(self, recipe: Custom) -> None:
        self._recipe = recipe

    def __len__(self) -> int:
        return len(self._recipe.drafts)

    def build_entry(self, position: int) -> Slot:
        return self._recipe.build_slot(position + 1)
