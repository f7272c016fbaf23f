"""A topic tree, grown level by level with the model: `topics build` runs it."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, cast

from pydantic import Field, StrictInt, StrictStr

from quire.progress import Group
from quire.request import Part, Request
from quire.slots import Slot
from recipes.base.document_blocks import Block, Entries
from recipes.base.recipe import ANSWER_FORM, BatchContext, InputError, Item, Recipe
from recipes.base.schema_parts import SLOT, TEXT, closed

MOST_LEAVES = 100_000
"""The largest tree that a request may ask for."""


class TreeInputs(Part):
    """The inputs of a topic tree: its root and shape."""

    topic: StrictStr = Field(min_length=1, description="what stands at the root")
    depth: Annotated[StrictInt, Field(ge=1, le=10)] = Field(default=3, description="levels below the root")
    degree: Annotated[StrictInt, Field(ge=1, le=50)] = Field(default=4, description="subtopics of each topic")
    instructions: StrictStr = Field(default="", description="what the tree is for")


class TopicTree(Recipe):
    """A slot per topic to divide; it waits for its parent's. Nodes are numbered breadth first."""

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
        self.parameters = cast(TreeInputs, self.inputs)
        self.depth, self.degree = self.parameters.depth, self.parameters.degree
        if request.batching.size != 1 or not request.batching.enabled:
            raise InputError("batching.size", "each topic is divided in a call of its own; leave this out")
        if self.degree**self.depth > MOST_LEAVES:
            raise InputError("inputs.depth", f"the tree would have more than {MOST_LEAVES:,} leaves")
        if request.on_failure != "stop":
            raise InputError(
                "on_failure", "must be stop: a topic that could not be divided leaves nothing to continue with"
            )
        if request.target not in (None, self.default_target()):
            raise InputError("target", f"leave it out: depth and degree make {self.default_target()} calls")

    def default_target(self) -> int:
        return sum(self.degree**level for level in range(self.depth))

    def groups(self, target: int) -> list[Group]:
        return [Group(name=str(level + 1), target=self.degree**level) for level in range(self.depth)]

    def lay_out(self, sizes: Sequence[int]) -> tuple[list[Slot], list[str]]:
        brief = f"{self.degree} subtopics"
        return [
            Slot(number=n, key=f"node-{n}", brief=brief, data={"level": self._level_of(n)})
            for n in range(1, sum(sizes) + 1)
        ], []

    def after(self, sizes: Sequence[Sequence[int]]) -> list[int]:
        return [self._parent_number(number) for number in range(1, sum(map(len, sizes)) + 1)]

    def _parent_number(self, number: int) -> int:
        return (number - 2) // self.degree + 1 if number > 1 else 0

    def _level_of(self, number: int) -> int:
        level = 1
        while number > 1:
            number, level = self._parent_number(number), level + 1
        return level

    def _topic_path(self, slot: Slot, context: BatchContext) -> list[str]:
        """Return the path of the topic that a slot divides; its parent's item must be in the context."""
        if slot.number == 1:
            return [self.parameters.topic]
        parent = next(item for earlier, item in context.before if earlier.number == self._parent_number(slot.number))
        return [*parent["path"], parent["subtopics"][(slot.number - 2) % self.degree]]

    def plan_facts(self) -> dict[str, Any]:
        return {"leaves": self.degree**self.depth, "depth": self.depth, "degree": self.degree}

    def system(self) -> str:
        purpose = f"What the tree is for: {self.parameters.instructions}\n" if self.parameters.instructions else ""
        return (
            "You divide topics into subtopics. The subtopics of one topic are of one kind and size, do not overlap, "
            f"and together cover it. Each is named in two to six words.\n{purpose}{ANSWER_FORM}"
        )

    def context_text(self, context: BatchContext) -> str:
        return ""

    def task(self, slots: Sequence[Slot], context: BatchContext) -> str:
        rows = "\n".join(
            f"slot {slot.number}: {slot.brief} of {' > '.join(self._topic_path(slot, context))}"
            if slot.number == 1 or context.before
            else f"slot {slot.number}: {slot.brief}"
            for slot in slots
        )
        return f"Divide each topic into exactly {self.degree} subtopics:\n{rows}"

    def item_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        names = {"type": "array", "minItems": self.degree, "maxItems": self.degree, "items": TEXT}
        return closed({"slot": SLOT, "subtopics": names})

    def faults(self, item: Item, slot: Slot) -> list[str]:
        distinct = {str(name).casefold().strip() for name in item["subtopics"]}
        return [] if len(distinct) == self.degree else ["two subtopics have the same name"]

    def with_context(self, item: Item, slot: Slot, context: BatchContext) -> Item:
        names = [str(name).strip().rstrip(".") for name in item["subtopics"]]
        return item | {"subtopics": names, "path": self._topic_path(slot, context)}

    def to_artifact(self, item: Item, slot: Slot) -> Item:
        fields = {"id": slot.key, "path": item["path"], "subtopics": item["subtopics"]}
        if slot.data["level"] == self.depth:
            fields["leaf_uuids"] = [_derive_uuid([*item["path"], name]) for name in item["subtopics"]]
        return fields

    def artifact_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        names = {"type": "array", "minItems": 1, "items": TEXT}
        return {
            "type": "object",
            "properties": {"id": TEXT, "path": names, "subtopics": names, "leaf_uuids": names},
            "required": ["id", "path", "subtopics"],
        }

    def to_lines(self, item: Item) -> Iterable[Item]:
        """Yield the tree's leaves, as `topic_dataset` reads them."""
        for name, leaf_uuid in zip(item["subtopics"], item.get("leaf_uuids", []), strict=False):
            yield {"path": [*item["path"], name], "leaf_uuid": leaf_uuid}

    def line_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        return closed({"path": {"type": "array", "minItems": 1, "items": TEXT}, "leaf_uuid": TEXT})

    @property
    def title(self) -> str:
        return f"Topics: {self.parameters.topic}"

    def headline(self, item: Item) -> str:
        return " > ".join(item["path"])

    def reading(self, item: Item) -> Iterable[Block]:
        yield Entries(item["subtopics"])

    def metadata(self) -> dict[str, Any]:
        return {"topic": self.parameters.topic, "depth": self.depth, "degree": self.degree}


def _derive_uuid(path: Sequence[str]) -> str:
    """Return the UUID of a path; the same path has the same UUID whenever the artifact is assembled again."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "\x1f".join(path)))
