"""Backgammon drills from a library of positions, in independent batches of five (seed 002)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, cast

from pydantic import Field, StrictInt, StrictStr, field_validator

from quire.request import Part, Request
from quire.slots import Slot
from recipes.base.recipe import ANSWER_FORM, SLOT, TEXT, Around, InputError, Item, Recipe, closed, listing
from recipes.drill_series import positions
from recipes.drill_series.positions import Position

TARGET = 21
_CHARACTERS_PER_TOKEN = 4
_BACKGROUND = ("mental_model", "curriculum", "profile")


class DrillInputs(Part):
    """What the drills are made from."""

    library: StrictStr = Field(
        min_length=1, description="positions: JSON Lines, or sqlite:///FILE?table=T, or postgresql://HOST/DB?table=T"
    )
    phases: tuple[StrictStr, ...] = Field(default=(positions.OPENING,), min_length=1, description="phases of the game")
    max_positions_per_phase: Annotated[StrictInt, Field(ge=1)] = Field(default=25, description="cap for each phase")
    mental_model: StrictStr | None = Field(default=None, description="a text file: how an expert thinks of the game")
    curriculum: StrictStr | None = Field(default=None, description="a text file: what is taught, in which order")
    profile: StrictStr | None = Field(default=None, description="a text file: who teaches")

    @field_validator("phases")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a phase is named twice")
        return value


class DrillSeries(Recipe):
    """One drill a slot, each on a position of its own. Batches know nothing of each other."""

    name: ClassVar[str] = "drill_series"
    noun = "drills"
    Inputs: ClassVar[type[Part]] = DrillInputs
    defaults: ClassVar[dict[str, Any]] = {
        "batching": {"size": 5},
        "duplicates": {"method": "exact"},
    }
    compared = ("position", "question")
    draws: ClassVar[bool] = True
    covering = "Phase"

    def __init__(self, request: Request, texts: Mapping[str, str], documents: Mapping[str, str]) -> None:
        super().__init__(request, texts, documents)
        self.said = cast(DrillInputs, self.inputs)
        self.library = positions.read(texts["library"], "inputs.library", documents["library"])
        there = list(dict.fromkeys(position.phase for position in self.library))
        for index, phase in enumerate(self.said.phases):
            if phase not in there:
                raise InputError(f"inputs.phases.{index}", f"the library has no {phase}; it has: {', '.join(there)}")
        if request.batching.context not in (None, "none"):
            raise InputError("batching.context", "drill batches are independent of each other: leave this out")

    @classmethod
    def files(cls, inputs: Part) -> dict[str, str]:
        said = cast(DrillInputs, inputs)
        background = {name: getattr(said, name) for name in _BACKGROUND}
        return {"library": said.library} | {name: path for name, path in background.items() if path}

    def default_target(self) -> int:
        return TARGET

    def drawn(self, target: int) -> list[Position]:
        """The positions that a series of so many drills loads, phases in turn."""
        count = positions.needed(target, len(self.said.phases), self.said.max_positions_per_phase)
        shares = positions.drawn(self.library, self.said.phases, count, self.request.seed or 0)
        return positions.interleaved(shares)

    def lay_out(self, sizes: Sequence[int]) -> tuple[list[Slot], list[str]]:
        target = sum(sizes)
        loaded = self.drawn(target)
        width = max(2, len(str(target)))
        slots: list[Slot] = []
        for index in range(target):
            position, turn = loaded[index % len(loaded)], index // len(loaded)
            again = f"; variant {turn + 1}: ask for something else than the usual move" if turn else ""
            slots.append(
                Slot(
                    number=index + 1,
                    key=f"drill-{index + 1:0{width}d}",
                    brief=f"{position.shown()}{again}",
                    covers=(position.id,),
                    data={"position": position.id, "phase": position.phase},
                )
            )
        short = target - len(loaded)
        return slots, [f"{len(loaded)} positions for {target} drills: {short} come again, varied"] if short > 0 else []

    def expected(self) -> dict[str, Any]:
        loaded = self.drawn(self.request.target or TARGET)
        each = sum(len(position.shown()) for position in self.library) / len(self.library) / _CHARACTERS_PER_TOKEN
        before, now = round(each * positions.OLD_LOAD), round(each * len(loaded))
        saved = max(0, before - now)
        return {
            "positions": len(loaded),
            "position tokens": now,
            f"saved against {positions.OLD_LOAD} positions": f"{saved} tokens ({100 * saved // before} %)",
        }

    def system(self) -> str:
        titles = {"mental_model": "How an expert thinks", "curriculum": "The curriculum", "profile": "Who teaches"}
        background = "".join(
            f"\n{titles[name]}:\n{self.texts[name].strip()}\n" for name in _BACKGROUND if name in self.texts
        )
        return (
            "You design backgammon drills. A drill shows one position with dice to be played, asks one question, "
            "gives four options of which exactly one is right, and explains the answer by a principle that "
            "carries over to other positions. Moves are written from the side on roll, such as 13/8 6/5.\n"
            f"{ANSWER_FORM}\n{background}"
        )

    def task(self, slots: Sequence[Slot], around: Around) -> str:
        return f"Write exactly {len(slots)} drill{'s' * (len(slots) != 1)}, one for each slot:\n{listing(slots)}"

    def item_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        own = list(dict.fromkeys(name for slot in slots for name in slot.covers))
        return closed(
            {
                "slot": SLOT,
                "position": {"type": "string", "enum": own},
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
        said: list[str] = []
        if item["position"] != slot.data["position"]:
            said.append(f"the slot's position is {slot.data['position']}")
        if len(set(item["options"])) < len(item["options"]):
            said.append("two options are the same")
        return said

    def finished(self, item: Item, slot: Slot) -> Item:
        position = next(p for p in self.library if p.id == item["position"])
        shown = {"phase": position.phase, "gnu_position_id": position.position_id, "dice": position.dice}
        return super().finished(item, slot) | shown

    def finished_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        schema = super().finished_schema(slots)
        more = {"phase": {"enum": list(self.said.phases)}, "gnu_position_id": TEXT, "dice": TEXT}
        return schema | {"properties": schema["properties"] | more, "required": [*schema["required"], *more]}

    def touches(self, slot: Slot, item: Item | None) -> Sequence[str]:
        return (str(slot.data["phase"]).replace("_", " "),)

    def outline(self, item: Item) -> Item:
        return {"id": item["id"], "phase": item["phase"]}

    def metadata(self) -> dict[str, Any]:
        return {"library": self.documents["library"], "phases": list(self.said.phases)}

    def sections(self, outlines: Sequence[Item]) -> dict[str, Any]:
        return {"by_phase": {name: [o["id"] for o in outlines if o["phase"] == name] for name in self.said.phases}}

    def problems(self, outlines: Sequence[Item]) -> list[str]:
        empty = [name for name, drills in self.sections(outlines)["by_phase"].items() if not drills]
        return [f"no drill is from {', '.join(empty)}"] if empty else []
