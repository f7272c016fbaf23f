"""Evaluation cases by category, for `mlflow.genai.evaluate` and its like (seed 003)."""

import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import Field, StrictInt, StrictStr, field_validator

from quire.progress import Group
from quire.request import Part, Request
from quire.slots import Slot
from recipes.base.recipe import (
    ANSWER_FORM,
    PROVENANCE,
    SLOT,
    TEXT,
    Around,
    InputError,
    Item,
    Made,
    Question,
    Recipe,
    closed,
    listing,
)

MOST_SCENARIOS = 40
"""Scenarios that one planning call is asked for; larger categories go through them more than once."""
SAMPLED = 5
"""`judge: sample` looks at every fifth batch."""


class Category(Part):
    """One kind of case."""

    name: StrictStr = Field(min_length=1, description="what this kind of case is called")
    description: StrictStr = Field(min_length=1, description="what these cases test")
    count: Annotated[StrictInt, Field(ge=1)] = Field(description="how many cases")
    example_inputs: StrictStr | dict[str, Any] | None = Field(
        default=None, description="an input as a user would write it; a mapping gives the shape of every input"
    )
    expectations: dict[str, Any] = Field(default_factory=dict, description="what every good answer does")


class EvalInputs(Part):
    """The categories, and how cases are planned and judged."""

    categories: tuple[Category, ...] = Field(min_length=1, description="the kinds of case")
    max_items: Annotated[StrictInt, Field(ge=1)] | None = Field(default=None, description="caps the whole")
    input_field: StrictStr = Field(
        default="query", pattern=r"^[A-Za-z_]\w*$", description="the input's name, if a text"
    )
    plan: bool = Field(default=True, description="`model` lists distinct scenarios for each category first")
    judge: Literal["off", "sample", "all"] = Field(
        default="sample", description="`model` judges no batch, every fifth, or all; refused cases are made again"
    )

    @field_validator("categories")
    @classmethod
    def _once(cls, value: tuple[Category, ...]) -> tuple[Category, ...]:
        names = [category.name for category in value]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two categories are called '{twice}'")
        return value


class EvalDataset(Recipe):
    """One case a slot, the categories' slots one after another. A prompt's size does not depend on the run's."""

    name: ClassVar[str] = "eval_dataset"
    noun = "cases"
    Inputs: ClassVar[type[Part]] = EvalInputs
    defaults: ClassVar[dict[str, Any]] = {
        "model": {"name": "gpt-4o"},
        "worker_model": {"name": "gpt-4o-mini"},
        "batching": {"size": 20, "tokens_per_item": 150},
        "duplicates": {"method": "structural", "window": 20},
        "output": {"formats": ["jsonl", "json", "hf"]},
    }
    compared = ("inputs",)
    group_word = "Category"

    def __init__(self, request: Request, texts: Mapping[str, str], documents: Mapping[str, str]) -> None:
        super().__init__(request, texts, documents)
        self.said = cast(EvalInputs, self.inputs)
        self.counts = self._counts()
        if request.target not in (None, sum(self.counts)):
            raise InputError("target", f"leave it out: the categories' counts make {sum(self.counts)}")

    def _counts(self) -> list[int]:
        """Cases of each category; a cap takes from all in proportion, and leaves each its share to the item."""
        wanted = [category.count for category in self.said.categories]
        most = self.said.max_items
        if most is None or sum(wanted) <= most:
            return wanted
        ends = [round(end * most / sum(wanted)) for end in accumulate(wanted)]
        return [end - start for start, end in zip([0, *ends], ends, strict=False)]

    def default_target(self) -> int:
        return sum(self.counts)

    def groups(self, target: int) -> list[Group]:
        return [
            Group(name=category.name, target=count)
            for category, count in zip(self.said.categories, self.counts, strict=True)
            if count
        ]

    def lay_out(self, sizes: Sequence[int]) -> tuple[list[Slot], list[str]]:
        slots: list[Slot] = []
        for place, (category, count) in enumerate(zip(self.said.categories, self.counts, strict=True)):
            example = f" Such as: {category.example_inputs}." if category.example_inputs else ""
            slots += [
                Slot(
                    number=len(slots) + index,
                    key=f"{category.name}/{index}",
                    brief=f"{category.name}, case {index}: {category.description}.{example}",
                    data={"category": place, "index": index},
                )
                for index in range(1, count + 1)
            ]
        wanted = sum(category.count for category in self.said.categories)
        left_out = wanted - len(slots)
        return slots, [f"max_items {self.said.max_items} leaves out {left_out} of {wanted} cases"] if left_out else []

    def _key(self, place: int) -> str:
        slug = re.sub(r"[^a-z0-9]+", "-", self.said.categories[place].name.lower()).strip("-")
        return f"{place + 1}-{slug}"[:60]

    def preparations(self) -> dict[str, Question]:
        if not self.said.plan:
            return {}
        return {
            self._key(place): Question(
                system="You plan evaluation datasets: you name scenarios that differ in what is asked, by whom, in "
                "which situation and tone, with what is missing or wrong. Answer with JSON only: an object with the "
                "one key `items`.",
                task=f"Category {category.name}: {category.description}. List {min(count, MOST_SCENARIOS)} scenarios, "
                "each in one sentence.",
                entry=closed({"scenario": TEXT}),
                count=min(count, MOST_SCENARIOS),
            )
            for place, (category, count) in enumerate(zip(self.said.categories, self.counts, strict=True))
            if count
        }

    def system(self) -> str:
        return (
            "You write test cases for evaluating an assistant: in `inputs` what a user sends, in `expected_response` "
            "what a good answer says, in one to three sentences. Cases differ in more than names and numbers.\n"
            f"{ANSWER_FORM}"
        )

    def task(self, slots: Sequence[Slot], around: Around) -> str:
        expected = {
            self.said.categories[slot.data["category"]].name: self.said.categories[slot.data["category"]].expectations
            for slot in slots
        }
        rules = "".join(f"Every good answer to {name}: {said}\n" for name, said in expected.items() if said)
        planned = [slot.model_copy(update={"brief": slot.brief + self._scenario(slot, around)}) for slot in slots]
        return (
            f"{rules}Write exactly {len(slots)} case{'s' * (len(slots) != 1)}, one for each slot:\n{listing(planned)}"
        )

    def _scenario(self, slot: Slot, around: Around) -> str:
        planned = around.prepared.get(self._key(slot.data["category"]))
        if not planned:
            return ""
        turn, place = divmod(slot.data["index"] - 1, len(planned))
        again = f" (take {turn + 1}, from another side)" if turn else ""
        return f" Scenario: {planned[place].get('scenario', '')}{again}"

    def item_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        inputs = _any(
            [self._shape(self.said.categories[place]) for place in sorted({s.data["category"] for s in slots})]
        )
        return closed({"slot": SLOT, "inputs": inputs, "expected_response": TEXT})

    def _shape(self, category: Category) -> dict[str, Any]:
        example = category.example_inputs
        return _like(example) if isinstance(example, dict) else closed({self.said.input_field: TEXT})

    @property
    def reviewed(self) -> bool:
        return self.said.judge != "off" and self.request.worker_model is not None

    def judged(self, batch: int) -> bool:
        return self.reviewed and (self.said.judge == "all" or batch % SAMPLED == 1)

    def review(self, made: Sequence[Made], batch: int) -> Question | None:
        if not self.judged(batch):
            return None
        rows = "\n".join(
            f"slot {slot.number}: {slot.brief} inputs {item['inputs']} expected {item['expected_response']}"
            for slot, item in made
        )
        return Question(
            system="You judge test cases for an evaluation dataset: acceptable is a case that belongs to its category, "
            "that a real user could send, and whose expected response is right and can be checked. Answer with JSON "
            "only: an object with the one key `items`, one entry for each case, echoing its slot.",
            task=f"Judge these {len(made)} cases:\n{rows}",
            entry=closed({"slot": SLOT, "acceptable": {"type": "boolean"}, "reason": {"type": "string"}}),
            count=len(made),
        )

    def finished(self, item: Item, slot: Slot) -> Item:
        category = self.said.categories[slot.data["category"]]
        return {
            "id": slot.key,
            "inputs": item["inputs"],
            "expectations": {**category.expectations, "expected_response": item["expected_response"]},
            "category": category.name,
        }

    def finished_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        names = {"enum": [category.name for category in self.said.categories]}
        inputs = _any([self._shape(category) for category in self.said.categories])
        expected = _any([_expected(category) for category in self.said.categories])
        fields = {"id": TEXT, "inputs": inputs, "expectations": expected, "category": names}
        return closed(fields | {"provenance": PROVENANCE})

    def chapter(self, item: Item) -> str:
        return item["category"]

    def metadata(self) -> dict[str, Any]:
        return {"categories": {group.name: group.target for group in self.groups(0)}}


def _expected(category: Category) -> dict[str, Any]:
    known = {name: {"const": value} for name, value in category.expectations.items()}
    return closed({**known, "expected_response": TEXT})


def _any(shapes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    distinct = [shape for index, shape in enumerate(shapes) if shape not in shapes[:index]]
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _like(example: Any) -> dict[str, Any]:
    """The JSON Schema of values of this example's shape."""
    if isinstance(example, dict):
        return closed({key: _like(value) for key, value in cast(dict[str, Any], example).items()})
    if isinstance(example, list):
        inner = cast(list[Any], example)
        return {"type": "array", "items": _like(inner[0]) if inner else TEXT}
    kinds = {bool: "boolean", int: "integer", float: "number"}
    return {"type": kinds[type(example)]} if type(example) in kinds else TEXT
