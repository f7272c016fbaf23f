"""Backgammon drills from a library of positions, in independent batches of five."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from pydantic import Field, StrictStr, field_validator

from quire.request import Count, Part, Request
from quire.slots import Slot
from recipes.base.recipe import ANSWER_FORM, BatchContext, InputError, Item, Recipe, listing
from recipes.base.schema_parts import SLOT, TEXT, closed
from recipes.drill_series import positions
from recipes.drill_series.positions import Position

TARGET = 21
CHARACTERS_PER_TOKEN = 4
BACKGROUND = ("mental_model", "curriculum", "profile")


class DrillInputs(Part):
    """The inputs of a drill series."""

    library: StrictStr = Field(
        min_length=1, description="positions: JSON Lines, or sqlite:///FILE?table=T, or postgresql://HOST/DB?table=T"
    )
    phases: tuple[StrictStr, ...] = Field(default=(positions.OPENING,), min_length=1, description="phases of the game")
    max_positions_per_phase: Count = Field(default=25, description="cap for each phase")
    mental_model: StrictStr | None = Field(default=None, description="a text file: how an expert thinks of the game")
    curriculum: StrictStr | None = Field(default=None, description="a text file: what is taught, in which order")
    profile: StrictStr | None = Field(default=None, description="a text file: who teaches")

    @field_validator("phases")
    @classmethod
    def _check_unique(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a phase is listed twice")
        return value


class DrillSeries(Recipe):
    """A drill per slot, each on its own position. Batches are independent of each other."""

    name: ClassVar[str] = "drill_series"
    noun = "drills"
    Inputs: ClassVar[type[Part]] = DrillInputs
    defaults: ClassVar[dict[str, Any]] = {
        "batching": {"size": 5},
        "duplicates": {"method": "exact"},
    }
    compared = ("position", "question")
    uses_seed: ClassVar[bool] = True
    coverage_word = "Phase"

    def __init__(self, request: Request, texts: Mapping[str, str], documents: Mapping[str, str]) -> None:
        super().__init__(request, texts, documents)
        self.parameters = cast(DrillInputs, self.inputs)
        self.library = positions.read_positions(texts["library"], "inputs.library", documents["library"])
        phases = list(dict.fromkeys(position.phase for position in self.library))
        for index, phase in enumerate(self.parameters.phases):
            if phase not in phases:
                raise InputError(f"inputs.phases.{index}", f"the library has no {phase}; it has: {', '.join(phases)}")
        if request.batching.context not in (None, "none"):
            raise InputError("batching.context", "drill batches are independent of each other; leave this out")

    @classmethod
    def files(cls, inputs: Part) -> dict[str, str]:
        parameters = cast(DrillInputs, inputs)
        background = {name: getattr(parameters, name) for name in BACKGROUND}
        return {"library": parameters.library} | {name: path for name, path in background.items() if path}

    def default_target(self) -> int:
        return TARGET

    def draw_positions(self, target: int) -> list[Position]:
        """Return the positions that a series of `target` drills uses, phases in turn."""
        count = positions.count_per_phase(target, len(self.parameters.phases), self.parameters.max_positions_per_phase)
        shares = positions.draw_by_phase(self.library, self.parameters.phases, count, self.request.seed or 0)
        return positions.interleave(shares)

    def lay_out(self, sizes: Sequence[int]) -> tuple[list[Slot], list[str]]:
        target = sum(sizes)
        drawn = self.draw_positions(target)
        width = max(2, len(str(target)))
        slots: list[Slot] = []
        for index in range(target):
            position, repeat = drawn[index % len(drawn)], index // len(drawn)
            variant = f"; variant {repeat + 1}: ask for something else than the usual move" if repeat else ""
            slots.append(
                Slot(
                    number=index + 1,
                    key=f"drill-{index + 1:0{width}d}",
                    brief=f"{position.describe()}{variant}",
                    covers=(position.id,),
                    data={"position": position.id, "phase": position.phase},
                )
            )
        repeated = target - len(drawn)
        warning = f"{len(drawn)} positions for {target} drills: {repeated} are used again, varied"
        return slots, [warning] if repeated > 0 else []

    def plan_facts(self) -> dict[str, Any]:
        count = len(self.draw_positions(self.request.target or TARGET))
        characters = sum(len(position.describe()) for position in self.library) / len(self.library)
        tokens = round(characters / CHARACTERS_PER_TOKEN * count)
        former_tokens = round(characters / CHARACTERS_PER_TOKEN * positions.FORMER_LOAD)
        saved = max(0, former_tokens - tokens)
        return {
            "positions": count,
            "position tokens": tokens,
            f"saved against {positions.FORMER_LOAD} positions": f"{saved} tokens ({100 * saved // former_tokens} %)",
        }

    def system(self) -> str:
        titles = {"mental_model": "How an expert thinks", "curriculum": "The curriculum", "profile": "Who teaches"}
        background = "".join(
            f"\n{titles[name]}:\n{self.texts[name].strip()}\n" for name in BACKGROUND if name in self.texts
        )
        return (
            "You design backgammon drills. A drill shows one position with dice to be played, asks one question, "
            "gives four options of which exactly one is right, and explains the answer by a principle that "
            "carries over to other positions. Moves are written from the side on roll, such as 13/8 6/5.\n"
            f"{ANSWER_FORM}\n{background}"
        )

    def task(self, slots: Sequence[Slot], context: BatchContext) -> str:
        return f"Write exactly {len(slots)} drill{'s' * (len(slots) != 1)}, one for each slot:\n{listing(slots)}"

    def item_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        ids = list(dict.fromkeys(name for slot in slots for name in slot.covers))
        return closed(
            {
                "slot": SLOT,
                "position": {"type": "string", "enum": ids},
                "title": TEXT,
                "question": TEXT,
                "options": {"type": "array", "minItems": 4, "maxItems": 4, "items": TEXT},
                "answer": {"type": "integer", "minimum": 1, "maximum": 4, "description": "the right option, from 1"},
                "explanation": TEXT,
                "principle": TEXT,
                "difficulty": {"type": "string", "enum": ["beginner", "intermediate", "advanced"]},
            }
        )

    def faults(self, item: Item, slot: Slot) -> list[str]:
        faults: list[str] = []
        if item["position"] != slot.data["position"]:
            faults.append(f"the slot's position is {slot.data['position']}")
        if len(set(item["options"])) < len(item["options"]):
            faults.append("two options are the same")
        return faults

    def to_artifact(self, item: Item, slot: Slot) -> Item:
        position = next(p for p in self.library if p.id == item["position"])
        facts = {"phase": position.phase, "gnu_position_id": position.position_id, "dice": position.dice}
        return super().to_artifact(item, slot) | facts

    def artifact_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        schema = super().artifact_schema(slots)
        more = {"phase": {"enum": list(self.parameters.phases)}, "gnu_position_id": TEXT, "dice": TEXT}
        return schema | {"properties": schema["properties"] | more, "required": [*schema["required"], *more]}

    def covered_ids(self, slot: Slot, item: Item | None) -> Sequence[str]:
        return (str(slot.data["phase"]).replace("_", " "),)

    def outline(self, item: Item) -> Item:
        return {"id": item["id"], "phase": item["phase"]}

    def metadata(self) -> dict[str, Any]:
        return {"library": self.documents["library"], "phases": list(self.parameters.phases)}

    def sections(self, outlines: Sequence[Item]) -> dict[str, Any]:
        return {
            "by_phase": {name: [o["id"] for o in outlines if o["phase"] == name] for name in self.parameters.phases}
        }

    def problems(self, outlines: Sequence[Item]) -> list[str]:
        empty = [name for name, drills in self.sections(outlines)["by_phase"].items() if not drills]
        return [f"no drill is from {', '.join(empty)}"] if empty else []
