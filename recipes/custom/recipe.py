"""Somebody's own artifact, described in a request without code."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, cast

import jsonschema_rs
from pydantic import Field, StrictStr

from quire.lazy_sequence import Lazily
from quire.progress import Group
from quire.request import Part, Request
from quire.slots import Slot
from recipes.base.recipe import ANSWER_FORM, Around, InputError, Item, Recipe, listing
from recipes.custom.item_schema import usable, with_slot
from recipes.custom.slot_sources import Place, Places, Slots, Stretch, missing, read_rows, stretches
from recipes.custom.templates import Templates, attributes

COMMON = ("params", "documents", "total")
OWN = (*COMMON, "number", "index", "count", "row", "entry", "group")


class Check(Part):
    """A rule that every item keeps."""

    that: StrictStr = Field(min_length=1, description="a condition on `item`, such as item.price > 0")
    say: StrictStr = Field(min_length=1, description="what the model is told where it does not hold")


class CustomInputs(Part):
    """The whole recipe: item, prompt, slots, and what is done when something is wrong."""

    item: dict[str, Any] = Field(
        description="JSON Schema of one item, an object",
        json_schema_extra={"allOf": [{"$ref": "http://json-schema.org/draft-07/schema#"}], "required": ["properties"]},
    )
    instructions: StrictStr = Field(
        min_length=1, description="template: what is made and how; the same for all batches"
    )
    prompt: StrictStr = Field(min_length=1, description="template: one slot's own part")
    slots: Slots
    noun: StrictStr = Field(default="items", pattern=r"^[a-z][a-z_]*$", description="what the items are called")
    documents: dict[str, StrictStr] = Field(
        default_factory=dict, description="files that templates read: .txt, .md, .pdf, .docx"
    )
    params: dict[str, Any] = Field(default_factory=dict, description="values that templates read")
    fallback: dict[str, Any] | None = Field(default=None, description="templates of an item that the model cannot make")
    unique: tuple[StrictStr, ...] = Field(default=(), description="fields that no two items share")
    checks: tuple[Check, ...] = Field(default=(), description="rules that every item keeps")


class Custom(Recipe):
    """What the request describes."""

    name: ClassVar[str] = "custom"
    Inputs: ClassVar[type[Part]] = CustomInputs

    def __init__(self, request: Request, texts: Mapping[str, str], documents: Mapping[str, str]) -> None:
        super().__init__(request, texts, documents)
        self.said = cast(CustomInputs, self.inputs)
        self.noun = self.said.noun
        self.item = usable(self.said.item, "inputs.item")
        self.templates = Templates()
        rows = read_rows(texts["slots.rows"], documents["slots.rows"], self.said.slots) if self.said.slots.rows else []
        self.places = self._limited(stretches(self.said.slots, rows))
        self._check_names(rows)
        self.compared = self.said.unique
        self.group_word = "Group" if self.said.slots.groups else ""
        self._system = self._instructions()

    @classmethod
    def files(cls, inputs: Part) -> dict[str, str]:
        said = cast(CustomInputs, inputs)
        rows = {"slots.rows": said.slots.rows} if said.slots.rows else {}
        return rows | {f"documents.{name}": path for name, path in said.documents.items()}

    @classmethod
    def defaults_for(cls, inputs: Part) -> dict[str, Any]:
        said = cast(CustomInputs, inputs)
        laid: dict[str, Any] = {"on_failure": "fallback"} if said.fallback else {}
        return laid | ({"duplicates": {"method": "exact", "fields": list(said.unique)}} if said.unique else {})

    # Checks before anything is paid for ----------------------------------------------------------------------------

    def _limited(self, found: Sequence[Stretch]) -> Places:
        wanted, there = self.request.target, Places(found)
        if wanted is not None and wanted > len(there):
            raise InputError("target", f"inputs.slots make {len(there)}; target can only be smaller")
        limited = Places(found, wanted)
        seen: set[str] = set()
        for place in limited if self.said.slots.count is None else ():
            if place.key in seen:
                raise InputError("inputs.slots.key", f"two items would have the id '{place.key}'")
            seen.add(place.key)
        return limited

    def _check_names(self, rows: Sequence[dict[str, Any]]) -> None:
        self.templates.names(self.said.instructions, COMMON, "inputs.instructions")
        own = (*COMMON, "number", *self.places[0].values)
        self.templates.names(self.said.prompt, own, "inputs.prompt")
        for name in attributes(self.said.prompt, "row"):
            for number, row in enumerate(rows, 1):
                if name not in row:
                    raise InputError("inputs.prompt", missing(self.documents["slots.rows"], name, number, row))
        for index, check in enumerate(self.said.checks):
            field = f"inputs.checks.{index}.that"
            self.templates.names(f"{{{{ {check.that} }}}}", (*own, "item"), field)
            self._known(attributes(check.that, "item"), field)
        self._known(self.said.unique, "inputs.unique")
        if self.said.fallback is not None:
            self._known(self.said.fallback, "inputs.fallback")
            first = self._slot(1, self.places[0])
            faults = self._template_faults(first)
            if faults:
                raise InputError("inputs.fallback", f"the template does not make an item: {faults[0]}")

    def _known(self, names: Sequence[str] | Mapping[str, Any], field: str) -> None:
        for name in names:
            if name not in self.item["properties"]:
                raise InputError(field, f"an item has no field '{name}'; it has: {', '.join(self.item['properties'])}")

    def _template_faults(self, slot: Slot) -> list[str]:
        item = self.fallback(slot, Around()) or {}
        validator = jsonschema_rs.validator_for(with_slot(self.item), offline=True)
        return [error.message for error in validator.iter_errors(item)] or self.faults(item, slot)

    # The plan ------------------------------------------------------------------------------------------------------

    def default_target(self) -> int:
        return len(self.places)

    def groups(self, target: int) -> list[Group]:
        return [Group(name=name, target=count) for name, count in self.places.groups()]

    def lay_out(self, sizes: Sequence[int]) -> tuple[Sequence[Slot], list[str]]:
        laid = Laid(self)
        for _ in laid:  # a template that fails for one slot must fail before anything is paid for
            pass
        return laid, []

    def slot(self, number: int) -> Slot:
        """A slot by its number."""
        return self._slot(number, self.places[number - 1])

    def _slot(self, number: int, place: Place) -> Slot:
        values = {**self._common(), **place.values, "number": number}
        brief = self.templates.render(self.said.prompt, values, "inputs.prompt")
        if not brief:
            raise InputError("inputs.prompt", f"the template is empty for slot {place.key}")
        return Slot(number=number, key=place.key, brief=brief, data=place.values)

    def _common(self) -> dict[str, Any]:
        documents = {name: self.texts[f"documents.{name}"] for name in self.said.documents}
        return {"params": self.said.params, "documents": documents, "total": len(self.places)}

    def _instructions(self) -> str:
        said = self.templates.render(self.said.instructions, self._common(), "inputs.instructions")
        return f"{said}\n{ANSWER_FORM}"

    def _values(self, slot: Slot) -> dict[str, Any]:
        return {**self._common(), **slot.data, "number": slot.number}

    # The prompt, and what comes back -------------------------------------------------------------------------------

    def system(self) -> str:
        return self._system

    def task(self, slots: Sequence[Slot], around: Around) -> str:
        return f"Make exactly {len(slots)} of them, one for each slot:\n{listing(slots)}"

    def item_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        return with_slot(self.item)

    def faults(self, item: Item, slot: Slot) -> list[str]:
        return list(self._broken(item, slot))

    def _broken(self, item: Item, slot: Slot) -> Iterator[str]:
        values = {**self._values(slot), "item": item}
        for index, check in enumerate(self.said.checks):
            try:
                kept = self.templates.holds(check.that, values, f"inputs.checks.{index}.that")
            except InputError:
                kept = False  # such as a comparison of a field that this item leaves out
            if not kept:
                yield check.say

    def fallback(self, slot: Slot, around: Around) -> Item | None:
        if self.said.fallback is None:
            return None
        values = self._values(slot)
        made = {
            name: self._filled(part, values, f"inputs.fallback.{name}") for name, part in self.said.fallback.items()
        }
        return {"slot": slot.number, **made}

    def _filled(self, part: Any, values: Mapping[str, Any], field: str) -> Any:
        if isinstance(part, str):
            return self.templates.render(part, values, field)
        if isinstance(part, list):
            return [self._filled(inner, values, field) for inner in cast(list[Any], part)]
        if isinstance(part, dict):
            return {key: self._filled(inner, values, field) for key, inner in cast(dict[str, Any], part).items()}
        return part

    def chapter(self, item: Item) -> str:
        return item["id"].rpartition("/")[0] if self.said.slots.groups else ""

    def finished_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        schema = super().finished_schema(slots)
        return {key: part for key, part in schema.items() if key not in ("minProperties", "maxProperties")}


class Laid(Lazily[Slot]):
    """A custom recipe's slots."""

    def __init__(self, recipe: Custom) -> None:
        self._recipe = recipe

    def __len__(self) -> int:
        return len(self._recipe.places)

    def made(self, at: int) -> Slot:
        return self._recipe.slot(at + 1)
