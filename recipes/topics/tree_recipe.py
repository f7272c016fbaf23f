"""A topic tree, grown level by level with the model: what `topics build` runs."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, cast

from pydantic import Field, StrictInt, StrictStr

from quire.progress import Group
from quire.request import Part, Request
from quire.slots import Slot
from recipes.base.document_blocks import Block, Entries
from recipes.base.recipe import ANSWER_FORM, SLOT, TEXT, Around, InputError, Item, Recipe, closed

MOST_NODES = 100_000


class TreeInputs(Part):
    """The tree's root and shape."""

    topic: StrictStr = Field(min_length=1, description="what stands at the root")
    depth: Annotated[StrictInt, Field(ge=1, le=10)] = Field(default=3, description="levels below the root")
    degree: Annotated[StrictInt, Field(ge=1, le=50)] = Field(default=4, description="subtopics of each topic")
    instructions: StrictStr = Field(default="", description="what the tree is for")


class TopicTree(Recipe):
    """One slot for each topic that is divided; it waits for the one that it is a part of. Nodes count breadth first."""

    name: ClassVar[str] = "topic_tree"
    noun = "topics"
    example = "recipe: topic_tree\ninputs: {topic: Distributed systems, depth: 2, degree: 3}\n"
    Inputs: ClassVar[type[Part]] = TreeInputs
    defaults: ClassVar[dict[str, Any]] = {
        "batching": {"size": 1, "context": "window", "tokens_per_item": 200},
        "on_failure": "stop",
        "output": {"formats": ["jsonl", "json"]},
    }
    group_word = "Level"

    def __init__(self, request: Request, texts: Mapping[str, str], documents: Mapping[str, str]) -> None:
        super().__init__(request, texts, documents)
        self.said = cast(TreeInputs, self.inputs)
        if request.batching.size != 1 or not request.batching.enabled:
            raise InputError("batching.size", "a topic is divided in a call of its own: leave this out")
        if self.said.degree**self.said.depth > MOST_NODES:
            raise InputError("inputs.depth", f"the tree would have more than {MOST_NODES} leaves")
        if request.on_failure != "stop":
            raise InputError(
                "on_failure", "it is stop: below a topic that was not divided there is nothing to go on with"
            )
        if request.target not in (None, self.default_target()):
            raise InputError("target", f"leave it out: depth and degree make {self.default_target()} calls")

    def default_target(self) -> int:
        return sum(self.said.degree**level for level in range(self.said.depth))

    def groups(self, target: int) -> list[Group]:
        return [Group(name=str(level + 1), target=self.said.degree**level) for level in range(self.said.depth)]

    def lay_out(self, sizes: Sequence[int]) -> tuple[list[Slot], list[str]]:
        count = sum(sizes)
        return [
            Slot(number=n, key=f"node-{n}", brief=f"{self.said.degree} subtopics", data={"level": self._level(n)})
            for n in range(1, count + 1)
        ], []

    def after(self, sizes: Sequence[Sequence[int]]) -> list[int]:
        return [self._parent(number) for number in range(1, sum(map(len, sizes)) + 1)]

    def _parent(self, number: int) -> int:
        return (number - 2) // self.said.degree + 1 if number > 1 else 0

    def _level(self, number: int) -> int:
        level = 1
        while number > 1:
            number, level = self._parent(number), level + 1
        return level

    def _path(self, slot: Slot, around: Around) -> list[str]:
        """The topic that a slot divides: known once its parent's item is there."""
        if slot.number == 1:
            return [self.said.topic]
        parent = next(item for made, item in around.before if made.number == self._parent(slot.number))
        return [*parent["path"], parent["subtopics"][(slot.number - 2) % self.said.degree]]

    def expected(self) -> dict[str, Any]:
        return {"leaves": self.said.degree**self.said.depth, "depth": self.said.depth, "degree": self.said.degree}

    def system(self) -> str:
        wanted = f"What the tree is for: {self.said.instructions}\n" if self.said.instructions else ""
        return (
            "You divide topics into subtopics. The subtopics of one topic are of one kind and size, do not overlap, "
            f"and together cover it. Each is named in two to six words.\n{wanted}{ANSWER_FORM}"
        )

    def recall(self, around: Around) -> str:
        return ""

    def task(self, slots: Sequence[Slot], around: Around) -> str:
        rows = "\n".join(
            f"slot {slot.number}: {slot.brief} of {' > '.join(self._path(slot, around))}"
            if slot.number == 1 or around.before
            else f"slot {slot.number}: {slot.brief}"
            for slot in slots
        )
        return f"Divide each topic into exactly {self.said.degree} subtopics:\n{rows}"

    def item_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        names = {"type": "array", "minItems": self.said.degree, "maxItems": self.said.degree, "items": TEXT}
        return closed({"slot": SLOT, "subtopics": names})

    def faults(self, item: Item, slot: Slot) -> list[str]:
        distinct = {str(name).casefold().strip() for name in item["subtopics"]}
        return [] if len(distinct) == self.said.degree else ["two subtopics have the same name"]

    def settled(self, item: Item, slot: Slot, around: Around) -> Item:
        names = [str(name).strip().rstrip(".") for name in item["subtopics"]]
        return item | {"subtopics": names, "path": self._path(slot, around)}

    def finished(self, item: Item, slot: Slot) -> Item:
        made = {"id": slot.key, "path": item["path"], "subtopics": item["subtopics"]}
        if slot.data["level"] == self.said.depth:
            made["leaf_uuids"] = [self._uuid([*item["path"], name]) for name in item["subtopics"]]
        return made

    def _uuid(self, path: Sequence[str]) -> str:
        """The same path has the same UUID, whenever the artifact is bound again."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, "\x1f".join(path)))

    def finished_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        names = {"type": "array", "minItems": 1, "items": TEXT}
        return {
            "type": "object",
            "properties": {"id": TEXT, "path": names, "subtopics": names, "leaf_uuids": names},
            "required": ["id", "path", "subtopics"],
        }

    def lines(self, item: Item) -> Iterable[Item]:
        """The tree's leaves, as `topic_dataset` reads them."""
        for name, known in zip(item["subtopics"], item.get("leaf_uuids", []), strict=False):
            yield {"path": [*item["path"], name], "leaf_uuid": known}

    def line_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        return closed({"path": {"type": "array", "minItems": 1, "items": TEXT}, "leaf_uuid": TEXT})

    @property
    def title(self) -> str:
        return f"Topics: {self.said.topic}"

    def headline(self, item: Item) -> str:
        return " > ".join(item["path"])

    def reading(self, item: Item) -> Iterable[Block]:
        yield Entries(item["subtopics"])

    def metadata(self) -> dict[str, Any]:
        return {"topic": self.said.topic, "depth": self.said.depth, "degree": self.said.degree}
