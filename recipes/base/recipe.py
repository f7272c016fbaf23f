"""The base class of all recipes: inputs, slots, prompt, item schema, context, fallback, artifact, checks."""

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from quire.progress import Group
from quire.request import Part, Request
from quire.slots import Slot
from recipes.base.readable_recipe import ReadableRecipe
from recipes.base.schema_parts import PROVENANCE, TEXT

Item = dict[str, Any]
FilledSlot = tuple[Slot, Item]
"""A slot and the item that fills it, as the model returned it."""

ANSWER_FORM = (
    "Answer with JSON only: an object with the one key `items`, an array with one object for each slot asked for, in "
    "the order asked. Echo the slot's number in `slot`."
)


class InputError(ValueError):
    """An input that the recipe cannot use. `field` is its dotted name in the request."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class BatchContext:
    """The earlier items and preparations that a batch's prompt may show in addition to its own slots."""

    before: Sequence[FilledSlot] = ()
    """Earlier items of the batch's lane, in slot order."""
    prepared: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Answers of the planning model, by the key of the preparation."""
    template_slots: frozenset[int] = frozenset()
    """Numbers of the earlier slots that were filled from a template."""


@dataclass(frozen=True)
class Question:
    """A model call that produces no items: its prompt, and the JSON Schema of one entry of its answer."""

    system: str
    task: str
    entry: dict[str, Any]
    count: int


class Recipe(ReadableRecipe, ABC):
    """A kind of artifact, applied to one request.

    `texts` holds the text of every input file, by field. A recipe does no I/O and behaves the same for the same
    arguments, so that any worker can build it again.
    """

    Inputs: ClassVar[type[Part]]
    example: ClassVar[str] = ""
    """A request that runs as it is. The examples of built-in recipes are in `examples/` instead."""
    defaults: ClassVar[dict[str, Any]] = {}
    """Fields of a request that apply if the user did not set them."""
    auto_size: int | None = None
    """Items per call for `size: auto`; None for the usual rule, `quire.batching.count_batches`."""
    batch_size_field: ClassVar[str] = "size"
    """The field of `batching` that the older name `batch_size` stands for."""
    uses_seed: ClassVar[bool] = False
    """True if the plan depends on the request's seed."""
    group_word: str = ""
    """What progress calls a group, such as Cycle, Category or Phase. Empty if groups are not shown."""
    coverage_word: ClassVar[str] = ""
    """What the report counts the coverage of, such as Requirement, Topic or Week. Empty if it counts none."""

    def __init__(self, request: Request, texts: Mapping[str, str], documents: Mapping[str, str]) -> None:
        self.request = request
        self.inputs = self.Inputs.model_validate(request.inputs)
        self.texts = texts
        self.documents = documents
        """File names as written in the request, by field."""

    @classmethod
    def describe(cls) -> str:
        """Return what the recipe makes: the first line of its module's docstring, else of its class's."""
        module = sys.modules[cls.__module__].__doc__
        return (module or cls.__doc__ or "").strip().split("\n", 1)[0]

    # The plan ------------------------------------------------------------------------------------------------------

    @classmethod
    def files(cls, inputs: Part) -> dict[str, str]:
        """Return the inputs that are file paths or table addresses, by dotted field below `inputs`.

        The starter reads them and puts their text into the store.
        """
        del inputs
        return {}

    @classmethod
    def defaults_for(cls, inputs: Part) -> dict[str, Any]:
        """Return the defaults of a request with these inputs: `defaults`, unless they depend on the inputs."""
        del inputs
        return cls.defaults

    @abstractmethod
    def default_target(self) -> int:
        """Return how many items to make if the request has no target."""

    def groups(self, target: int) -> list[Group]:
        """Return the groups of consecutive slots, such as a category's; their targets add up to `target`.

        No batch spans two groups.
        """
        return [Group(name="", target=target)]

    @abstractmethod
    def lay_out(self, sizes: Sequence[int]) -> tuple[Sequence[Slot], list[str]]:
        """Return one slot per item, numbered from 1, batch after batch; and warnings for the user."""

    def after(self, sizes: Sequence[Sequence[int]]) -> list[int]:
        """Return which batch each batch waits for, by number from 1; 0 for none. `sizes` are each group's batches.

        If batches see nothing of each other, none waits; else each group is a lane.
        """
        if self.context_mode == "none":
            return []
        waits: list[int] = []
        for group in sizes:
            waits += [len(waits) + index if index else 0 for index in range(len(group))]
        return waits

    def preparations(self) -> dict[str, Question]:
        """Return the calls of the planning model that precede the batches, by key."""
        return {}

    def plan_facts(self) -> dict[str, Any]:
        """Return what `check` shows of the plan in addition to batches and tokens."""
        return {}

    # The prompt ----------------------------------------------------------------------------------------------------

    @property
    def context_mode(self) -> str:
        """The request's `batching.context`: how much a batch sees of the batches before it in its lane."""
        return self.request.batching.context or "none"

    @property
    def context_batches(self) -> int:
        """The number of earlier batches of its lane that a batch reads; 0 is all."""
        return 1 if self.context_mode == "window" else 0

    @abstractmethod
    def system(self) -> str:
        """Return the part of the prompt that is the same for every batch, byte for byte: providers cache it."""

    @abstractmethod
    def task(self, slots: Sequence[Slot], context: BatchContext) -> str:
        """Return what this batch is to make, slot by slot, in lines `slot N: brief`."""

    def last_item_text(self, before: Sequence[FilledSlot]) -> str:
        """Return what `context: window` shows of the lane: the last item, or its end."""
        slot, item = before[-1]
        return f"{slot.key}: {json.dumps(item, ensure_ascii=False)}"

    def summary_line(self, slot: Slot, item: Item) -> str:
        """Return the line by which `context: summary` shows an earlier item."""
        title = next((str(item[name]) for name in ("title", "name", "question", *self.compared) if item.get(name)), "")
        return f"{slot.key}: {title or json.dumps(item, ensure_ascii=False)}"[:160]

    def context_text(self, context: BatchContext) -> str:
        """Return the lane so far, in the form of `batching.context`; empty if the prompt shows none."""
        if not context.before or self.context_mode in ("none", "conversation"):
            return ""
        if self.context_mode == "summary":
            lines = "\n".join(f"- {self.summary_line(slot, item)}" for slot, item in context.before)
            return f"Already there, not to be repeated:\n{lines}\n\n"
        last = context.before[-1][0]
        source = " (from a template: no model wrote it)" if last.number in context.template_slots else ""
        text = self.last_item_text(context.before)
        return f"What came just before{source}:\n{text}\nContinue from here without repeating it.\n\n"

    @abstractmethod
    def item_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        """Return the JSON Schema of an item of these slots; its integer `slot` echoes the slot's number."""

    # The answer ----------------------------------------------------------------------------------------------------

    def faults(self, item: Item, slot: Slot) -> list[str]:
        """Return what is wrong with a schema-valid item, in words for the model."""
        del item, slot
        return []

    def with_context(self, item: Item, slot: Slot, context: BatchContext) -> Item:
        """Return the item as the store keeps it: completed with what the recipe derives from slot and lane."""
        del slot, context
        return item

    @property
    def has_review(self) -> bool:
        """True if a judging model reviews any batch."""
        return False

    def is_reviewed(self, batch: int) -> bool:
        """Return True if the judging model reviews this planned batch; batches count from 1."""
        return self.has_review

    def review(self, filled: Sequence[FilledSlot], batch: int) -> Question | None:
        """Return the question to the judging model about a batch's items, or None if the batch is not reviewed.

        The answer has an entry `{slot, acceptable, reason}` for each item.
        """
        del filled, batch
        return None

    def fallback(self, slot: Slot, context: BatchContext) -> Item | None:
        """Return an item from a template, for a slot that the model could not fill; None if there is no template."""
        del slot, context
        return None

    # The artifact --------------------------------------------------------------------------------------------------

    def to_artifact(self, item: Item, slot: Slot) -> Item:
        """Return the item as the artifact has it: its id first, without the slot's number."""
        return {"id": slot.key, **{key: value for key, value in item.items() if key != "slot"}}

    def artifact_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        """Return the JSON Schema of an artifact's item; fields that every artifact adds are allowed."""
        schema = self.item_schema(slots)
        fields = {key: part for key, part in schema["properties"].items() if key != "slot"}
        required = [name for name in schema.get("required", []) if name != "slot"]
        return schema | {"properties": {"id": TEXT, "provenance": {}, **fields}, "required": ["id", *required]}

    def to_lines(self, item: Item) -> Iterable[Item]:
        """Return the lines of an artifact's item in JSON Lines and Parquet."""
        return (item,)

    def line_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        """Return the JSON Schema of a line; Parquet's columns follow it."""
        schema = self.artifact_schema(slots)
        fields = {name: part for name, part in schema["properties"].items() if name != "provenance"}
        return schema | {"properties": {**fields, "provenance": PROVENANCE}}

    def to_columns(self, line: Item) -> Item:
        """Return a line as the row of a plain table; what is still nested becomes dotted columns."""
        return line

    def column_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        """Return the JSON Schema of such a row; CSV's columns follow it."""
        return self.line_schema(slots)

    def outline(self, item: Item) -> Item:
        """Return the part of an artifact's item that `sections` and `problems` read.

        Keep it small: the outlines of all items are in memory at once.
        """
        return {"id": item["id"]}

    def required_ids(self) -> Mapping[str, str]:
        """Return what the items together must cover, by id, each with a short text."""
        return {}

    def covered_ids(self, slot: Slot, item: Item | None) -> Sequence[str]:
        """Return the ids that an item covers; for a slot without an item, those that it is to cover."""
        del item
        return slot.covers

    def sections(self, outlines: Sequence[Item]) -> dict[str, Any]:
        """Return what the artifact holds in addition to the items, such as a traceability matrix."""
        del outlines
        return {}

    def problems(self, outlines: Sequence[Item]) -> list[str]:
        """Return what the recipe's own check finds wrong with the assembled artifact."""
        del outlines
        return []


def listing(slots: Sequence[Slot]) -> str:
    """Return the lines by which recipes ask for items: `slot N: brief`."""
    return "\n".join(f"slot {slot.number}: {slot.brief}" for slot in slots)
