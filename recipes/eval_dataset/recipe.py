"""Evaluation cases by category, for `mlflow.genai.evaluate` and similar tools."""

import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, ClassVar, Literal, cast

from pydantic import Field, StrictStr, field_validator

from quire.progress import Group
from quire.request import Count, Part, Request
from quire.slots import Slot
from recipes.base.recipe import ANSWER_FORM, BatchContext, FilledSlot, InputError, Item, Question, Recipe, listing
from recipes.base.schema_parts import PROVENANCE, SLOT, TEXT, closed

MOST_SCENARIOS = 40
"""Scenarios that a planning call is asked for; larger categories use each more than once."""
SAMPLE_INTERVAL = 5
"""`judge: sample` reviews every fifth batch."""


class Category(Part):
    """A kind of case."""

    name: StrictStr = Field(min_length=1, description="what this kind of case is called")
    description: StrictStr = Field(min_length=1, description="what these cases test")
    count: Count = Field(description="how many cases")
    example_inputs: StrictStr | dict[str, Any] | None = Field(
        default=None, description="an input as a user would write it; a mapping gives the shape of every input"
    )
    expectations: dict[str, Any] = Field(default_factory=dict, description="what every good answer does")


class EvalInputs(Part):
    """The inputs of an evaluation dataset: its categories, and how cases are planned and judged."""

    categories: tuple[Category, ...] = Field(min_length=1, description="the kinds of case")
    max_items: Count | None = Field(default=None, description="caps the whole")
    input_field: StrictStr = Field(
        default="query", pattern=r"^[A-Za-z_]\w*$", description="the input's name, if a text"
    )
    plan: bool = Field(default=True, description="`model` lists distinct scenarios for each category first")
    judge: Literal["off", "sample", "all"] = Field(
        default="sample", description="`model` judges no batch, every fifth, or all; refused cases are made again"
    )

    @field_validator("categories")
    @classmethod
    def _check_unique(cls, value: tuple[Category, ...]) -> tuple[Category, ...]:
        names = [category.name for category in value]
        duplicate = next((name for name in names if names.count(name) > 1), None)
        if duplicate is not None:
            raise ValueError(f"two categories are called '{duplicate}'")
        return value


class EvalDataset(Recipe):
    """A case per slot, category after category. The size of a prompt does not depend on the size of the run."""

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
        self.parameters = cast(EvalInputs, self.inputs)
        self.counts = self._count_cases()
        if request.target not in (None, sum(self.counts)):
            raise InputError("target", f"leave it out: the categories' counts add up to {sum(self.counts)}")

    def _count_cases(self) -> list[int]:
        """Return the cases of each category; `max_items` reduces all in proportion, and the sum is exact."""
        counts = [category.count for category in self.parameters.categories]
        most = self.parameters.max_items
        if most is None or sum(counts) <= most:
            return counts
        ends = [round(end * most / sum(counts)) for end in accumulate(counts)]
        return [end - start for start, end in zip([0, *ends], ends, strict=False)]

    def default_target(self) -> int:
        return sum(self.counts)

    def groups(self, target: int) -> list[Group]:
        return [
            Group(name=category.name, target=count)
            for category, count in zip(self.parameters.categories, self.counts, strict=True)
            if count
        ]

    def lay_out(self, sizes: Sequence[int]) -> tuple[list[Slot], list[str]]:
        slots: list[Slot] = []
        for position, (category, count) in enumerate(zip(self.parameters.categories, self.counts, strict=True)):
            example = f" Such as: {category.example_inputs}." if category.example_inputs else ""
            slots += [
                Slot(
                    number=len(slots) + index,
                    key=f"{category.name}/{index}",
                    brief=f"{category.name}, case {index}: {category.description}.{example}",
                    data={"category": position, "index": index},
                )
                for index in range(1, count + 1)
            ]
        requested = sum(category.count for category in self.parameters.categories)
        omitted = requested - len(slots)
        warning = f"max_items {self.parameters.max_items} leaves out {omitted} of {requested} cases"
        return slots, [warning] if omitted else []

    def _preparation_key(self, position: int) -> str:
        slug = re.sub(r"[^a-z0-9]+", "-", self.parameters.categories[position].name.lower()).strip("-")
        return f"{position + 1}-{slug}"[:60]

    def preparations(self) -> dict[str, Question]:
        if not self.parameters.plan:
            return {}
        return {
            self._preparation_key(position): Question(
                system="You plan evaluation datasets: you name scenarios that differ in what is asked, by whom, in "
                "which situation and tone, with what is missing or wrong. Answer with JSON only: an object with the "
                "one key `items`.",
                task=f"Category {category.name}: {category.description}. List {min(count, MOST_SCENARIOS)} scenarios, "
                "each in one sentence.",
                entry=closed({"scenario": TEXT}),
                count=min(count, MOST_SCENARIOS),
            )
            for position, (category, count) in enumerate(zip(self.parameters.categories, self.counts, strict=True))
            if count
        }

    def system(self) -> str:
        return (
            "You write test cases for evaluating an assistant: in `inputs` what a user sends, in `expected_response` "
            "what a good answer says, in one to three sentences. Cases differ in more than names and numbers.\n"
            f"{ANSWER_FORM}"
        )

    def task(self, slots: Sequence[Slot], context: BatchContext) -> str:
        categories = [self.parameters.categories[slot.data["category"]] for slot in slots]
        expectations = {category.name: category.expectations for category in categories}
        rules = "".join(f"Every good answer to {name}: {rule}\n" for name, rule in expectations.items() if rule)
        planned = [slot.model_copy(update={"brief": slot.brief + self._scenario_text(slot, context)}) for slot in slots]
        return (
            f"{rules}Write exactly {len(slots)} case{'s' * (len(slots) != 1)}, one for each slot:\n{listing(planned)}"
        )

    def _scenario_text(self, slot: Slot, context: BatchContext) -> str:
        scenarios = context.prepared.get(self._preparation_key(slot.data["category"]))
        if not scenarios:
            return ""
        repeat, position = divmod(slot.data["index"] - 1, len(scenarios))
        variant = f" (take {repeat + 1}, from another side)" if repeat else ""
        return f" Scenario: {scenarios[position].get('scenario', '')}{variant}"

    def item_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        positions = sorted({slot.data["category"] for slot in slots})
        inputs = _join_schemas([self._input_schema(self.parameters.categories[position]) for position in positions])
        return closed({"slot": SLOT, "inputs": inputs, "expected_response": TEXT})

    def _input_schema(self, category: Category) -> dict[str, Any]:
        example = category.example_inputs
        return _infer_schema(example) if isinstance(example, dict) else closed({self.parameters.input_field: TEXT})

    @property
    def has_review(self) -> bool:
        return self.parameters.judge != "off" and self.request.worker_model is not None

    def is_reviewed(self, batch: int) -> bool:
        return self.has_review and (self.parameters.judge == "all" or batch % SAMPLE_INTERVAL == 1)

    def review(self, filled: Sequence[FilledSlot], batch: int) -> Question | None:
        if not self.is_reviewed(batch):
            return None
        rows = "\n".join(
            f"slot {slot.number}: {slot.brief} inputs {item['inputs']} expected {item['expected_response']}"
            for slot, item in filled
        )
        return Question(
            system="You judge test cases for an evaluation dataset: acceptable is a case that belongs to its category, "
            "that a real user could send, and whose expected response is right and can be checked. Answer with JSON "
            "only: an object with the one key `items`, one entry for each case, echoing its slot.",
            task=f"Judge these {len(filled)} cases:\n{rows}",
            entry=closed({"slot": SLOT, "acceptable": {"type": "boolean"}, "reason": {"type": "string"}}),
            count=len(filled),
        )

    def to_artifact(self, item: Item, slot: Slot) -> Item:
        category = self.parameters.categories[slot.data["category"]]
        return {
            "id": slot.key,
            "inputs": item["inputs"],
            "expectations": {**category.expectations, "expected_response": item["expected_response"]},
            "category": category.name,
        }

    def artifact_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        names = {"enum": [category.name for category in self.parameters.categories]}
        inputs = _join_schemas([self._input_schema(category) for category in self.parameters.categories])
        expectations = _join_schemas([_expectation_schema(category) for category in self.parameters.categories])
        fields = {"id": TEXT, "inputs": inputs, "expectations": expectations, "category": names}
        return closed(fields | {"provenance": PROVENANCE})

    def chapter(self, item: Item) -> str:
        return item["category"]

    def metadata(self) -> dict[str, Any]:
        return {"categories": {group.name: group.target for group in self.groups(0)}}


def _expectation_schema(category: Category) -> dict[str, Any]:
    constants = {name: {"const": value} for name, value in category.expectations.items()}
    return closed({**constants, "expected_response": TEXT})


def _join_schemas(schemas: Sequence[dict[str, Any]]) -> dict[str, Any]:
    distinct = [schema for index, schema in enumerate(schemas) if schema not in schemas[:index]]
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _infer_schema(example: Any) -> dict[str, Any]:
    """Return the JSON Schema of values that have the same shape as the example."""
    if isinstance(example, dict):
        return closed({key: _infer_schema(value) for key, value in cast(dict[str, Any], example).items()})
    if isinstance(example, list):
        inner = cast(list[Any], example)
        return {"type": "array", "items": _infer_schema(inner[0]) if inner else TEXT}
    kinds = {bool: "boolean", int: "integer", float: "number"}
    return {"type": kinds[type(example)]} if type(example) in kinds else TEXT
