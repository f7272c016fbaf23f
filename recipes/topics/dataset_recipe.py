"""Chat samples over a topic tree or graph, each topic once per cycle."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, ClassVar, cast

from pydantic import Field, StrictStr

from quire.progress import CYCLE, Group
from quire.request import Part, Request
from quire.slots import Slot
from recipes.base.document_blocks import Block, Fields, describe_source, format_label
from recipes.base.recipe import ANSWER_FORM, BatchContext, Item, Recipe, listing
from recipes.base.schema_parts import PROVENANCE, SLOT, TEXT, closed
from recipes.topics import topic_tree


class TopicInputs(Part):
    """The inputs of a topic dataset."""

    topics: StrictStr = Field(min_length=1, description="a topic tree (JSON Lines) or a topic graph (JSON)")
    instructions: StrictStr = Field(default="", description="what the samples are for, and how they should read")
    system_prompt: StrictStr | None = Field(default=None, description="a system message put before every sample")


class TopicDataset(Recipe):
    """A sample per slot; a slot is a topic, by its UUID, in a cycle."""

    name: ClassVar[str] = "topic_dataset"
    noun = "samples"
    Inputs: ClassVar[type[Part]] = TopicInputs
    defaults: ClassVar[dict[str, Any]] = {
        "batching": {"size": 1, "context": "summary"},
        "output": {"formats": ["jsonl", "hf"]},
    }
    batch_size_field: ClassVar[str] = "concurrency"
    compared = ("user",)
    group_word = CYCLE
    coverage_word = "Topic"

    def __init__(self, request: Request, texts: Mapping[str, str], documents: Mapping[str, str]) -> None:
        super().__init__(request, texts, documents)
        self.parameters = cast(TopicInputs, self.inputs)
        self.topics = topic_tree.read_topics(texts["topics"], "inputs.topics", documents["topics"])

    @classmethod
    def files(cls, inputs: Part) -> dict[str, str]:
        return {"topics": cast(TopicInputs, inputs).topics}

    def default_target(self) -> int:
        return len(self.topics.unique)

    def groups(self, target: int) -> list[Group]:
        """Return a group per cycle; the last may be partial: 5,000 over 1,875 topics is 1,875, 1,875 and 1,250."""
        count = len(self.topics.unique)
        return [
            Group(name=str(cycle), target=min(count, target - start))
            for cycle, start in enumerate(range(0, target, count), 1)
        ]

    def lay_out(self, sizes: Sequence[int]) -> tuple[list[Slot], list[str]]:
        unique, target = self.topics.unique, sum(sizes)
        slots: list[Slot] = []
        for index in range(target):
            topic, cycle = unique[index % len(unique)], index // len(unique) + 1
            repeat = f", sample {cycle} of this topic, unlike the earlier ones" if cycle > 1 else ""
            slots.append(
                Slot(
                    number=index + 1,
                    key=f"{topic.uuid}/{cycle}",
                    brief=f"topic {' > '.join(topic.path)}{repeat}",
                    data={"path": topic.path, "uuid": topic.uuid, "cycle": cycle},
                )
            )
        duplicates = self.topics.listed - len(unique)
        warning = f"{duplicates} topics have the UUID of an earlier topic; each UUID is used once per cycle"
        return slots, [warning] if duplicates else []

    def after(self, sizes: Sequence[Sequence[int]]) -> list[int]:
        """Return a lane per topic: its batch in a cycle waits for its batch in the cycle before, and for no other."""
        if self.context_mode == "none" or len(sizes) == 1:
            return []
        waits = [0] * len(sizes[0])
        first = 1
        for earlier, later in pairwise(sizes):
            ends = list(accumulate(earlier))
            last_slots = [end - 1 for end in accumulate(later)]
            waits += [first + next(i for i, end in enumerate(ends) if slot < end) for slot in last_slots]
            first += len(earlier)
        return waits

    def plan_facts(self) -> dict[str, Any]:
        target = self.request.target or self.default_target()
        cycles = self.groups(target)
        return {
            "unique topics": len(self.topics.unique),
            "duplicates by UUID": self.topics.listed - len(self.topics.unique),
            "cycles": len(cycles),
            "last cycle": cycles[-1].target,
        }

    def system(self) -> str:
        purpose = f"What they are for: {self.parameters.instructions}\n" if self.parameters.instructions else ""
        return (
            "You write training samples for a language model: one question or task that a person could put to an "
            "assistant, in `user`, and the answer that the best assistant would give, in `assistant`.\n"
            "A topic is a path from the general to the particular: the sample is about its end, in the light of the "
            f"whole path.\n{purpose}{ANSWER_FORM}"
        )

    def task(self, slots: Sequence[Slot], context: BatchContext) -> str:
        return f"Write exactly {len(slots)} sample{'s' * (len(slots) != 1)}, one for each slot:\n{listing(slots)}"

    def context_text(self, context: BatchContext) -> str:
        """Return the samples that the batch's topics already have."""
        if self.context_mode == "conversation" or not context.before:
            return ""
        lines = "\n".join(f"- {self.summary_line(slot, item)}" for slot, item in context.before)
        return f"These topics already have the following samples; ask something else:\n{lines}\n\n"

    def summary_line(self, slot: Slot, item: Item) -> str:
        return f"{slot.data['path'][-1]}: {item['user']}"[:240]

    def item_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        return closed({"slot": SLOT, "user": TEXT, "assistant": TEXT})

    def to_artifact(self, item: Item, slot: Slot) -> Item:
        """Return the sample in the chat format that training tools read."""
        system = [{"role": "system", "content": self.parameters.system_prompt}] if self.parameters.system_prompt else []
        dialogue = [{"role": role, "content": item[role]} for role in ("user", "assistant")]
        path = list(slot.data["path"])
        return {
            "id": slot.key,
            "messages": [*system, *dialogue],
            "metadata": {"topic": path[-1], "path": path, "uuid": slot.data["uuid"], "cycle": slot.data["cycle"]},
        }

    def artifact_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        message = closed({"role": {"enum": ["system", "user", "assistant"]}, "content": TEXT})
        metadata = closed(
            {"topic": TEXT, "path": {"type": "array", "items": TEXT}, "uuid": TEXT, "cycle": {"type": "integer"}}
        )
        messages = {"type": "array", "minItems": 2, "items": message}
        return closed({"id": TEXT, "messages": messages, "metadata": metadata, "provenance": PROVENANCE})

    def to_columns(self, line: Item) -> Item:
        """Return a column for each role's message, and those of the topic."""
        messages = {message["role"]: message["content"] for message in line["messages"]}
        return {"id": line["id"], **messages, **line["metadata"], "provenance": line["provenance"]}

    def column_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        roles = ("system", "user", "assistant") if self.parameters.system_prompt else ("user", "assistant")
        messages = dict.fromkeys(roles, TEXT)
        fields = self.artifact_schema(slots)["properties"]
        return closed({"id": TEXT, **messages, **fields["metadata"]["properties"], "provenance": PROVENANCE})

    def chapter(self, item: Item) -> str:
        return f"Cycle {item['metadata']['cycle']}"

    def headline(self, item: Item) -> str:
        return " > ".join(item["metadata"]["path"])

    def reading(self, item: Item) -> Iterable[Block]:
        messages = [(format_label(message["role"]), message["content"]) for message in item["messages"]]
        yield Fields([*messages, ("Source", describe_source(item["provenance"]))])

    def metadata(self) -> dict[str, Any]:
        return {"topics": self.documents["topics"], "unique_topics": len(self.topics.unique)}

    def required_ids(self) -> dict[str, str]:
        return {topic.uuid: " > ".join(topic.path) for topic in self.topics.unique}

    def covered_ids(self, slot: Slot, item: Item | None) -> Sequence[str]:
        return (slot.data["uuid"],)
