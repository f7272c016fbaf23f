"""What every recipe has: inputs, slots, prompt, item schema, assembly, checks."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from quire.request import Part
from quire.slots import Slot

Item = dict[str, Any]


class InputError(ValueError):
    """An input that the recipe cannot use. `field` is where in the request it was named, dotted."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Recipe(ABC):
    """One kind of artifact, bound to one request's inputs.

    `texts` holds the text of every input named in `files`, by field. A recipe does no I/O and is the same for the
    same arguments, so that any worker can build it again.
    """

    name: ClassVar[str]
    noun: ClassVar[str] = "items"
    files: ClassVar[tuple[str, ...]] = ()
    """Inputs that are paths of text files; the starter reads them and puts their text into the store."""
    Inputs: ClassVar[type[Part]]

    def __init__(self, inputs: Part, texts: Mapping[str, str], documents: Mapping[str, str]) -> None:
        self.inputs = inputs
        self.texts = texts
        self.documents = documents
        """File names as the person gave them, by field."""

    @abstractmethod
    def default_target(self) -> int:
        """Items to make where the request does not say."""

    @abstractmethod
    def lay_out(self, sizes: Sequence[int]) -> tuple[list[Slot], list[str]]:
        """One slot for each item, numbered from 1, batch after batch; and warnings for the person."""

    @abstractmethod
    def system(self) -> str:
        """The part of the prompt that is the same for every batch, byte for byte: providers cache it."""

    @abstractmethod
    def task(self, slots: Sequence[Slot]) -> str:
        """What this batch is to make, slot by slot."""

    @abstractmethod
    def item_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        """JSON Schema of one item of these slots; it has an integer `slot` that echoes the slot's number."""

    def faults(self, item: Item, slot: Slot) -> list[str]:
        """What is wrong with a schema-valid item, in words for the model."""
        del item, slot
        return []

    def finished(self, item: Item, slot: Slot) -> Item:
        """The item as the artifact has it: its id first, the slot's number left out."""
        return {"id": slot.key, **{key: value for key, value in item.items() if key != "slot"}}

    def outline(self, item: Item) -> Item:
        """The part of a finished item that `sections` looks at; small, since those of a whole run are held."""
        return {"id": item["id"]}

    def metadata(self) -> dict[str, Any]:
        """What the artifact says of its inputs."""
        return {}

    def sections(self, items: Iterable[Item]) -> dict[str, Any]:
        """What is bound beside the items, such as a traceability matrix."""
        del items
        return {}

    def problems(self, sections: Mapping[str, Any]) -> list[str]:
        """What the recipe's own check says of the assembled whole."""
        del sections
        return []
