"""An Operational Qualification test suite from a user requirements specification."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, cast

from pydantic import Field, StrictInt, StrictStr, field_validator

from quire.request import Part, Request
from quire.slots import Slot
from recipes.base.document_blocks import (
    BOX,
    Block,
    Entries,
    Fields,
    Heading,
    PageBreak,
    RunInfo,
    Table,
    build_signature_table,
    build_title_page,
    describe_source,
)
from recipes.base.recipe import ANSWER_FORM, BatchContext, InputError, Item, Recipe, listing
from recipes.base.schema_parts import SLOT, TEXT, closed
from recipes.oq_suite.requirements import (
    Requirement,
    assign_to_slots,
    find_requirements,
    find_system_name,
    group_related,
)

CATEGORIES = (
    "functional",
    "data integrity",
    "security and access",
    "audit trail",
    "interface",
    "performance",
    "error handling",
    "backup and recovery",
    "reporting",
    "configuration",
)
USUAL_TOP = {1: 10, 3: 15, 4: 20, 5: 30}
"""The upper end of the usual number of tests, by GAMP 5 category."""

ASPECTS = (
    "normal operation, with typical data",
    "boundary values and limits",
    "invalid input and its rejection",
    "an unauthorised user and the refusal",
    "interruption in the middle, and recovery",
    "records and audit trail of the action",
    "two users at the same time",
    "a large volume of data",
)
"""Aspects under which several tests examine the same requirement, so that they differ by design."""


class OqInputs(Part):
    """The inputs of a test suite."""

    urs: StrictStr = Field(
        min_length=1,
        description="the user requirements specification: a .txt, .md, .pdf or .docx file",
        json_schema_extra={"pattern": r"\.([tT][xX][tT]|[mM][dD]|[pP][dD][fF]|[dD][oO][cC][xX])$"},
    )
    gamp_category: StrictInt = Field(
        description="GAMP 5 software category: 1, 3, 4 or 5", json_schema_extra={"enum": [*USUAL_TOP]}
    )

    @field_validator("gamp_category")
    @classmethod
    def _check_category(cls, value: int) -> int:
        if value not in USUAL_TOP:
            raise ValueError("GAMP category is 1, 3, 4 or 5 (category 2 was retired with GAMP 5)")
        return value

    @field_validator("urs")
    @classmethod
    def _check_extension(cls, value: str) -> str:
        if not value.lower().endswith((".txt", ".md", ".pdf", ".docx")):
            raise ValueError("the URS is a .txt, .md, .pdf or .docx file")
        return value


class OqSuite(Recipe):
    """An OQ test per slot, each assigned the requirements that it must cover."""

    name: ClassVar[str] = "oq_suite"
    noun = "tests"
    Inputs: ClassVar[type[Part]] = OqInputs
    compared = ("title", "steps")
    coverage_word = "Requirement"

    def __init__(self, request: Request, texts: Mapping[str, str], documents: Mapping[str, str]) -> None:
        super().__init__(request, texts, documents)
        self.category = cast(OqInputs, self.inputs).gamp_category
        self.requirements: list[Requirement] = group_related(find_requirements(texts["urs"]))
        if not self.requirements:
            raise InputError("inputs.urs", "no requirement found: the document has no text besides headings")

    @classmethod
    def files(cls, inputs: Part) -> dict[str, str]:
        return {"urs": cast(OqInputs, inputs).urs}

    def default_target(self) -> int:
        return USUAL_TOP[self.category]

    def plan_facts(self) -> dict[str, Any]:
        return {"requirements": len(self.requirements)}

    def lay_out(self, sizes: Sequence[int]) -> tuple[list[Slot], list[str]]:
        slots: list[Slot] = []
        counts = Counter[str]()
        width = max(3, len(str(sum(sizes))))
        shares = assign_to_slots(self.requirements, sizes)
        repeats = Counter(shares) if len(self.requirements) < len(shares) else Counter[tuple[Requirement, ...]]()
        for number, share in enumerate(shares, 1):
            ids = ", ".join(requirement.id for requirement in share)
            aspect = _describe_aspect(counts[ids]) if repeats[share] > 1 else ""
            counts[ids] += 1
            text = " ".join(f"[{r.id}] {' '.join(r.text.split())}" for r in share)
            brief = f"cover {ids}.{aspect} {text}"
            slots.append(
                Slot(number=number, key=f"OQ-{number:0{width}d}", brief=brief, covers=tuple(r.id for r in share))
            )
        warnings: list[str] = []
        if self.requirements[0].id.startswith("P-"):
            warnings.append("the URS has neither requirement ids nor numbered clauses: its paragraphs were numbered")
        return slots, warnings

    def system(self) -> str:
        rigour = {
            1: "infrastructure software: confirm installation and basic operation",
            3: "non-configured product: confirm standard functions in the environment of use",
            4: "configured product: test what was configured, and every critical function",
            5: "bespoke application: test thoroughly, error paths, boundaries and data integrity included",
        }[self.category]
        return (
            "You write Operational Qualification (OQ) tests for computerised systems in regulated laboratories.\n"
            f"Document: {self.documents['urs']}\n"
            f"GAMP 5 category {self.category}, {rigour}.\n"
            "Each test stands alone, can be run by a trained analyst without asking, and gives objective evidence.\n"
            "Steps are actions, each with the result that is expected and can be observed. Acceptance criteria decide "
            "pass or fail without judgement. Set the risk by the effect on product quality, patient safety and data "
            "integrity.\n"
            f"Categories: {', '.join(CATEGORIES)}.\n"
            f"{ANSWER_FORM} List in `requirement_ids` every requirement that the slot is to cover."
        )

    def task(self, slots: Sequence[Slot], context: BatchContext) -> str:
        count = f"{len(slots)} OQ test{'s' * (len(slots) != 1)}"
        return f"Write exactly {count}, one for each slot:\n{listing(slots)}"

    def item_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        ids = list(dict.fromkeys(name for slot in slots for name in slot.covers))
        fields: dict[str, Any] = {
            "slot": SLOT,
            "title": TEXT,
            "category": {"type": "string", "enum": list(CATEGORIES)},
            "requirement_ids": {"type": "array", "minItems": 1, "items": {"type": "string", "enum": ids}},
            "objective": TEXT,
            "preconditions": {"type": "array", "items": TEXT},
            "steps": {
                "type": "array",
                "minItems": 1,
                "items": closed({"action": TEXT, "expected_result": TEXT}),
            },
            "acceptance_criteria": {"type": "array", "minItems": 1, "items": TEXT},
            "risk": {"type": "string", "enum": ["high", "medium", "low"]},
        }
        return closed(fields)

    def faults(self, item: Item, slot: Slot) -> list[str]:
        missing = [name for name in slot.covers if name not in item["requirement_ids"]]
        return [f"requirement_ids lacks {', '.join(missing)}"] if missing else []

    def outline(self, item: Item) -> Item:
        return {"id": item["id"], "requirement_ids": item["requirement_ids"]}

    @property
    def title(self) -> str:
        return "Operational Qualification test suite"

    def front(self, about: RunInfo) -> Iterable[Block]:
        facts = {
            "system": find_system_name(self.texts["urs"]) or self.documents["urs"],
            "requirements": self.documents["urs"],
        }
        yield from build_title_page(self.title, facts | {"GAMP_5_category": str(self.category)}, about)
        yield Heading("Approval of this document", 3)
        yield build_signature_table()
        yield PageBreak()

    def reading(self, item: Item) -> Iterable[Block]:
        """Return a test ready to be executed: with room for actual results, initials, verdict and signature."""
        yield Fields(
            [
                ("Requirements", ", ".join(item["requirement_ids"])),
                ("Category", item["category"]),
                ("Risk", item["risk"]),
                ("Objective", item["objective"]),
                ("Source", describe_source(item["provenance"])),
            ]
        )
        if item["preconditions"]:
            yield Entries(item["preconditions"], "Preconditions")
        head = ("Step", "Action", "Expected result", "Actual result", "Pass / fail", "Initials")
        steps = ((str(n), s["action"], s["expected_result"], "", "", "") for n, s in enumerate(item["steps"], 1))
        yield Table(head, steps, (3, 9, 9, 7, 4, 4))
        yield Entries(item["acceptance_criteria"], "Acceptance criteria", boxes=True)
        head = ("Result", "Tested by", "Date", "Signature")
        yield Table(head, [(f"{BOX} pass  {BOX} fail", "", "", "")], (4, 5, 3, 5))

    def back(self, outlines: Sequence[Item]) -> Iterable[Block]:
        tests = self.sections(outlines)["traceability"]
        texts = {requirement.id: " ".join(requirement.text.split()) for requirement in self.requirements}
        yield PageBreak()
        yield Heading("Traceability matrix", 1)
        rows = ((name, texts.get(name, ""), ", ".join(ids) or "no test") for name, ids in tests.items())
        yield Table(("Requirement", "What it asks for", "Tests"), rows, (3, 10, 5))

    def metadata(self) -> dict[str, Any]:
        return {"document": self.documents["urs"], "gamp_category": self.category}

    def required_ids(self) -> dict[str, str]:
        return {requirement.id: " ".join(requirement.text.split()) for requirement in self.requirements}

    def covered_ids(self, slot: Slot, item: Item | None) -> Sequence[str]:
        return slot.covers if item is None else list(dict.fromkeys(item["requirement_ids"]))

    def sections(self, outlines: Sequence[Item]) -> dict[str, Any]:
        matrix: dict[str, list[str]] = {requirement.id: [] for requirement in self.requirements}
        for item in outlines:
            for name in dict.fromkeys(item["requirement_ids"]):
                matrix.setdefault(name, []).append(item["id"])
        return {"traceability": matrix, "uncovered": [name for name, tests in matrix.items() if not tests]}

    def problems(self, outlines: Sequence[Item]) -> list[str]:
        uncovered = self.sections(outlines)["uncovered"]
        return [f"{len(uncovered)} requirements have no test: {', '.join(uncovered[:20])}"] if uncovered else []


def _describe_aspect(earlier: int) -> str:
    """Return what a test of the same requirements focuses on; `earlier` tests precede it."""
    aspect = f" Look at {ASPECTS[earlier % len(ASPECTS)]}."
    if earlier >= len(ASPECTS):
        aspect += f" Variant {earlier // len(ASPECTS) + 1}: use other data and another path than before."
    return aspect
