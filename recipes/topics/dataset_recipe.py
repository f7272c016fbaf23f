"""Chat samples over a topic tree or graph, each topic once a cycle (seed 001)."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, ClassVar, cast

from pydantic import Field, StrictStr

from quire.progress import CYCLE, Group
from quire.request import Part, Request
from quire.slots import Slot
from recipes.base.document_blocks import Block, Fields, label, source
from recipes.base.recipe import ANSWER_FORM, PROVENANCE, SLOT, TEXT, Around, Item, Recipe, closed, listing
from recipes.topics import topic_tree


class TopicInputs(Part):
    """What the samples are about."""

    topics: StrictStr = Field(min_length=1, description="a topic tree (JSON Lines) or a topic graph (JSON)")
    instructions: StrictStr = Field(default="", description="what the samples are for, and how they should read")
    system_prompt: StrictStr | None = Field(default=None, description="a system message put before every sample")


class TopicDataset(Recipe):
    """One sample a slot; a slot is a topic, by its UUID, and a cycle."""

    name: ClassVar[str] = "topic_dataset"
    noun = "samples"
    Inputs: ClassVar[type[Part]] = TopicInputs
    defaults: ClassVar[dict[str, Any]] = {
        "batching": {"size": 1, "context": "summary"},
        "output": {"formats": ["jsonl", "hf"]},
    }
    batch_size_means: ClassVar[str] = "concurrency"
    compared = ("user",)
    group_word = CYCLE
    covering = "Topic"

    def __init__(self, request: Request, texts: Mapping[str, str], documents: Mapping[str, str]) -> None:
        super().__init__(request, texts, documents)
        self.said = cast(TopicInputs, self.inputs)
        self.topics = topic_tree.read(texts["topics"], "inputs.topics", documents["topics"])

    @classmethod
    def files(cls, inputs: Part) -> dict[str, str]:
        return {"topics": cast(TopicInputs, inputs).topics}

    def default_target(self) -> int:
        return len(self.topics.unique)

    def groups(self, target: int) -> list[Group]:
        """One for each cycle; the last may be partial: 5,000 over 1,875 topics is 1,875, 1,875 and 1,250."""
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
            other = f", sample {cycle} of this topic, unlike the earlier ones" if cycle > 1 else ""
            slots.append(
                Slot(
                    number=index + 1,
                    key=f"{topic.uuid}/{cycle}",
                    brief=f"topic {' > '.join(topic.path)}{other}",
                    data={"path": topic.path, "uuid": topic.uuid, "cycle": cycle},
                )
            )
        twice = self.topics.found - len(unique)
        return slots, [f"{twice} topics have a UUID that is there already; each UUID is taken once"] if twice else []

    def after(self, sizes: Sequence[Sequence[int]]) -> list[int]:
        """A topic's lane: its batch in one cycle waits for its batch in the cycle before, and for no other."""
        if self.context == "none" or len(sizes) == 1:
            return []
        waits = [0] * len(sizes[0])
        first = 1
        for earlier, these in pairwise(sizes):
            ends = list(accumulate(earlier))
            last_slots = [end - 1 for end in accumulate(these)]
            waits += [first + next(i for i, end in enumerate(ends) if slot < end) for slot in last_slots]
            first += len(earlier)
        return waits

    def expected(self) -> dict[str, Any]:
        target = self.request.target or self.default_target()
        cycles = self.groups(target)
        return {
            "unique topics": len(self.topics.unique),
            "duplicates by UUID": self.topics.found - len(self.topics.unique),
            "cycles": len(cycles),
            "last cycle": cycles[-1].target,
        }

    def system(self) -> str:
        wanted = f"What they are for: {self.said.instructions}\n" if self.said.instructions else ""
        return (
            "You write training samples for a language model: one question or task that a person could put to an "
            "assistant, in `user`, and the answer that the best assistant would give, in `assistant`.\n"
            "A topic is a path from the general to the particular: the sample is about its end, in the light of the "
            f"whole path.\n{wanted}{ANSWER_FORM}"
        )

    def task(self, slots: Sequence[Slot], around: Around) -> str:
        return f"Write exactly {len(slots)} sample{'s' * (len(slots) != 1)}, one for each slot:\n{listing(slots)}"

    def recall(self, around: Around) -> str:
        """What the same topics already have."""
        if self.context == "conversation" or not around.before:
            return ""
        lines = "\n".join(f"- {self.digest(slot, item)}" for slot, item in around.before)
        return f"These topics already have the following samples; ask something else:\n{lines}\n\n"

    def digest(self, slot: Slot, item: Item) -> str:
        return f"{slot.data['path'][-1]}: {item['user']}"[:240]

    def item_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        return closed({"slot": SLOT, "user": TEXT, "assistant": TEXT})

    def finished(self, item: Item, slot: Slot) -> Item:
        """The chat form that trainers read."""
        opening = [{"role": "system", "content": self.said.system_prompt}] if self.said.system_prompt else []
        said = [{"role": role, "content": item[role]} for role in ("user", "assistant")]
        path = list(slot.data["path"])
        return {
            "id": slot.key,
            "messages": [*opening, *said],
            "metadata": {"topic": path[-1], "path": path, "uuid": slot.data["uuid"], "cycle": slot.data["cycle"]},
        }

    def finished_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        message = closed({"role": {"enum": ["system", "user", "assistant"]}, "content": TEXT})
        metadata = closed(
            {"topic": TEXT, "path": {"type": "array", "items": TEXT}, "uuid": TEXT, "cycle": {"type": "integer"}}
        )
        messages = {"type": "array", "minItems": 2, "items": message}
        return closed({"id": TEXT, "messages": messages, "metadata": metadata, "provenance": PROVENANCE})

    def flat(self, line: Item) -> Item:
        """Who said what in columns of their own, and the topic beside it."""
        said = {message["role"]: message["content"] for message in line["messages"]}
        return {"id": line["id"], **said, **line["metadata"], "provenance": line["provenance"]}

    def flat_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        said = {role: TEXT for role in ("system", "user", "assistant") if role != "system" or self.said.system_prompt}
        fields = self.finished_schema(slots)["properties"]
        return closed({"id": TEXT, **said, **fields["metadata"]["properties"], "provenance": PROVENANCE})

    def chapter(self, item: Item) -> str:
        return f"Cycle {item['metadata']['cycle']}"

    def headline(self, item: Item) -> str:
        return " > ".join(item["metadata"]["path"])

    def reading(self, item: Item) -> Iterable[Block]:
        said = [(label(message["role"]), message["content"]) for message in item["messages"]]
        yield Fields([*said, ("Source", source(item["provenance"]))])

    def metadata(self) -> dict[str, Any]:
        return {"topics": self.documents["topics"], "unique_topics": len(self.topics.unique)}

    def to_cover(self) -> dict[str, str]:
        return {topic.uuid: " > ".join(topic.path) for topic in self.topics.unique}

    def touches(self, slot: Slot, item: Item | None) -> Sequence[str]:
        return (slot.data["uuid"],)
