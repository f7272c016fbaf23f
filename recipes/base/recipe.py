"""What every recipe has: inputs, slots, prompt, item schema, context, fallback, assembly, checks."""

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from quire.progress import Group
from quire.request import Part, Request
from quire.slots import Slot
from recipes.base.readable_recipe import Readable
from recipes.base.schema_parts import PROVENANCE, SLOT, TEXT, closed, strict

__all__ = [
    "ANSWER_FORM", "PROVENANCE", "SLOT", "TEXT", "Around", "InputError", "Item", "Made", "Question", "Recipe", "closed",
    "listing", "strict",
]  # fmt: skip
"""What a recipe of one's own imports, from one place."""

Item = dict[str, Any]
Made = tuple[Slot, Item]
"""A slot and the item that fills it, as the model gave it."""


class InputError(ValueError):
    """An input that the recipe cannot use. `field` is where in the request it was named, dotted."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Around:
    """What a batch may look at beside its own slots."""

    before: Sequence[Made] = ()
    """Earlier items of its lane, in slot order."""
    prepared: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Answers of the planning model, by the key of the preparation."""
    templates: frozenset[int] = frozenset()
    """Numbers of the earlier slots that were filled from a template."""


@dataclass(frozen=True)
class Question:
    """A call of a model that makes no items: its prompt, and the JSON Schema of one entry of its answer."""

    system: str
    task: str
    entry: dict[str, Any]
    count: int


class Recipe(Readable, ABC):
    """One kind of artifact, bound to one request.

    `texts` holds the text of every input file, by field. A recipe does no I/O and is the same for the same
    arguments, so that any worker can build it again.
    """

    Inputs: ClassVar[type[Part]]
    example: ClassVar[str] = ""
    """A request that runs as it is; ours are in `examples/` instead."""
    defaults: ClassVar[dict[str, Any]] = {}
    """A piece of a request, laid under what the person said."""
    auto_size: int | None = None
    """Items a call under `size: auto`; None for seed 000's table."""
    batch_size_means: ClassVar[str] = "size"
    """Which field of `batching` the older name `batch_size` stands for."""
    draws: ClassVar[bool] = False
    """Whether what it lays out depends on the request's seed."""
    group_word: str = ""
    """What a group is called in progress: Cycle, Category, Phase; empty where groups are not shown."""
    covering: ClassVar[str] = ""
    """What the report counts beside groups: Requirement, Topic, Week; empty where there is nothing of the kind."""

    def __init__(self, request: Request, texts: Mapping[str, str], documents: Mapping[str, str]) -> None:
        self.request = request
        self.inputs = self.Inputs.model_validate(request.inputs)
        self.texts = texts
        self.documents = documents
        """File names as the person gave them, by field."""

    @classmethod
    def summary(cls) -> str:
        """What it makes, in a line: the first of its module, else of its class."""
        module = sys.modules[cls.__module__].__doc__
        return (module or cls.__doc__ or "").strip().split("\n", 1)[0]

    # The plan ------------------------------------------------------------------------------------------------------

    @classmethod
    def files(cls, inputs: Part) -> dict[str, str]:
        """Inputs that are paths of files or addresses of tables, by dotted field below `inputs`; the starter reads
        them and puts their text into the store."""
        del inputs
        return {}

    @classmethod
    def defaults_for(cls, inputs: Part) -> dict[str, Any]:
        """The same where they depend on the inputs."""
        del inputs
        return cls.defaults

    @abstractmethod
    def default_target(self) -> int:
        """Items to make where the request does not say."""

    def groups(self, target: int) -> list[Group]:
        """Consecutive slots that belong together, such as a category's; no batch spans two. Together `target`."""
        return [Group(name="", target=target)]

    @abstractmethod
    def lay_out(self, sizes: Sequence[int]) -> tuple[Sequence[Slot], list[str]]:
        """One slot for each item, numbered from 1, batch after batch; and warnings for the person."""

    def after(self, sizes: Sequence[Sequence[int]]) -> list[int]:
        """Which batch each batch waits for, by number from 1, 0 for none; `sizes` are the groups' batches.

        As long as batches see nothing of each other they wait for none; else each group is a lane.
        """
        if self.context == "none":
            return []
        waits: list[int] = []
        for group in sizes:
            waits += [len(waits) + index if index else 0 for index in range(len(group))]
        return waits

    def preparations(self) -> dict[str, Question]:
        """Calls of the planning model that go before the batches, by key."""
        return {}

    def expected(self) -> dict[str, Any]:
        """What `check` says of the plan beyond batches and tokens."""
        return {}

    # The prompt ----------------------------------------------------------------------------------------------------

    @property
    def context(self) -> str:
        """How much a batch sees of those before it in its lane."""
        return self.request.batching.context or "none"

    @property
    def reach(self) -> int:
        """How many earlier batches of its lane a batch reads; 0 is all."""
        return 1 if self.context == "window" else 0

    @abstractmethod
    def system(self) -> str:
        """The part of the prompt that is the same for every batch, byte for byte: providers cache it."""

    @abstractmethod
    def task(self, slots: Sequence[Slot], around: Around) -> str:
        """What this batch is to make, slot by slot: lines `slot N: brief`."""

    def tail(self, before: Sequence[Made]) -> str:
        """What `context: window` shows of the lane: the end of the last item."""
        slot, item = before[-1]
        return f"{slot.key}: {json.dumps(item, ensure_ascii=False)}"

    def digest(self, slot: Slot, item: Item) -> str:
        """What `context: summary` shows of one earlier item: a line."""
        said = next((str(item[name]) for name in ("title", "name", "question", *self.compared) if item.get(name)), "")
        return f"{slot.key}: {said or json.dumps(item, ensure_ascii=False)}"[:160]

    def recall(self, around: Around) -> str:
        """The lane so far, as the request's `batching.context` wants it shown; empty where there is none."""
        if not around.before or self.context in ("none", "conversation"):
            return ""
        if self.context == "summary":
            lines = "\n".join(f"- {self.digest(slot, item)}" for slot, item in around.before)
            return f"Already there, not to be repeated:\n{lines}\n\n"
        last = around.before[-1][0]
        made = " (from a template: no model wrote it)" if last.number in around.templates else ""
        return f"What came just before{made}:\n{self.tail(around.before)}\nContinue from here without repeating it.\n\n"

    @abstractmethod
    def item_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        """JSON Schema of one item of these slots; it has an integer `slot` that echoes the slot's number."""

    # What comes back -----------------------------------------------------------------------------------------------

    def faults(self, item: Item, slot: Slot) -> list[str]:
        """What is wrong with a schema-valid item, in words for the model."""
        del item, slot
        return []

    def settled(self, item: Item, slot: Slot, around: Around) -> Item:
        """The item as it is kept: with what the recipe adds from its lane."""
        del slot, around
        return item

    @property
    def reviewed(self) -> bool:
        """Whether any batch is judged."""
        return False

    def judged(self, batch: int) -> bool:
        """Whether this planned batch is, by its number from 1."""
        return self.reviewed

    def review(self, made: Sequence[Made], batch: int) -> Question | None:
        """What the judging model is asked of a batch's items, one entry `{slot, acceptable, reason}` for each; None
        where this batch is not judged."""
        del made, batch
        return None

    def fallback(self, slot: Slot, around: Around) -> Item | None:
        """An item from a template, in the place of one that the model could not make; None where there is none."""
        del slot, around
        return None

    # The artifact --------------------------------------------------------------------------------------------------

    def finished(self, item: Item, slot: Slot) -> Item:
        """The item as the artifact has it: its id first, the slot's number left out."""
        return {"id": slot.key, **{key: value for key, value in item.items() if key != "slot"}}

    def finished_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        """JSON Schema of a finished item; the fields that every artifact adds are let through."""
        schema = self.item_schema(slots)
        fields = {key: part for key, part in schema["properties"].items() if key != "slot"}
        required = [name for name in schema.get("required", []) if name != "slot"]
        return schema | {"properties": {"id": TEXT, "provenance": {}, **fields}, "required": ["id", *required]}

    def lines(self, item: Item) -> Iterable[Item]:
        """A finished item's lines in JSON Lines and Parquet."""
        return (item,)

    def line_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        """JSON Schema of a line; Parquet's columns are made from it."""
        schema = self.finished_schema(slots)
        fields = {name: part for name, part in schema["properties"].items() if name != "provenance"}
        return schema | {"properties": {**fields, "provenance": PROVENANCE}}

    def flat(self, line: Item) -> Item:
        """A line as a table of plain columns has it; what is still nested there becomes dotted columns."""
        return line

    def flat_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        """JSON Schema of that; CSV's columns are made from it."""
        return self.line_schema(slots)

    def outline(self, item: Item) -> Item:
        """The part of a finished item that `sections` and `problems` look at; small: those of a run are all held."""
        return {"id": item["id"]}

    def to_cover(self) -> Mapping[str, str]:
        """What the items together are to cover, by id, each with some words on it."""
        return {}

    def touches(self, slot: Slot, item: Item | None) -> Sequence[str]:
        """What of it an item covers, by id, or a slot that has none is to cover."""
        del item
        return slot.covers

    def sections(self, outlines: Sequence[Item]) -> dict[str, Any]:
        """What is bound beside the items, such as a traceability matrix."""
        del outlines
        return {}

    def problems(self, outlines: Sequence[Item]) -> list[str]:
        """What the recipe's own check says of the assembled whole."""
        del outlines
        return []


def listing(slots: Sequence[Slot]) -> str:
    """The lines by which every recipe asks for its items."""
    return "\n".join(f"slot {slot.number}: {slot.brief}" for slot in slots)


ANSWER_FORM = (
    "Answer with JSON only: an object with the one key `items`, an array with one object for each slot asked for, in "
    "the order asked. Echo the slot's number in `slot`."
)
