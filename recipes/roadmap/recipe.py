"""A learning roadmap, week by week: phases side by side, weeks inside a phase in a lane (seed 004)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import Field, StrictInt, StrictStr

from quire.batching import balanced
from quire.progress import Group
from quire.request import Part, Request
from quire.slots import Slot
from recipes.base.document_blocks import Block, Entries, Fields, Heading, source
from recipes.base.recipe import ANSWER_FORM, SLOT, TEXT, Around, InputError, Item, Made, Recipe, closed, listing
from recipes.roadmap.week_templates import week_from_template

DAYS = 7
TAIL_DAYS = 2
"""Days of the week before that a prompt carries."""
WEEKS_A_CALL, DEMANDING_WEEKS_A_CALL = 3, 2
USUAL = ("Foundations", "Core skills", "Advanced practice", "Portfolio and interviews")
LOWEST = {"beginner": 1, "intermediate": 3, "advanced": 5}
HIGHEST = 10


class Phase(Part):
    """A part of the roadmap."""

    name: StrictStr = Field(min_length=1, description="what the phase is called")
    weeks: Annotated[StrictInt, Field(ge=1)] = Field(description="how many weeks it takes")
    focus: StrictStr = Field(default="", description="what it is about")


class RoadmapInputs(Part):
    """Who learns what, for how long."""

    target_role: StrictStr = Field(min_length=1, description="the role to be learned, such as Full Stack Developer")
    duration_weeks: Annotated[StrictInt, Field(ge=1, le=520)] = Field(default=12, description="weeks in all")
    level: Literal["beginner", "intermediate", "advanced"] = Field(default="beginner", description="where it starts")
    hours_per_week: Annotated[StrictInt, Field(ge=1, le=80)] = Field(default=10, description="hours to learn in")
    phases: tuple[Phase, ...] | None = Field(default=None, min_length=1, description="else four usual ones")
    demanding_roles: tuple[StrictStr, ...] = Field(
        default=("AI Engineer", "Machine Learning Engineer", "Research Engineer", "Security Engineer"),
        description="roles whose weeks are larger: two a call instead of three",
    )


class Roadmap(Recipe):
    """One week a slot."""

    name: ClassVar[str] = "roadmap"
    noun = "weeks"
    Inputs: ClassVar[type[Part]] = RoadmapInputs
    defaults: ClassVar[dict[str, Any]] = {
        "batching": {"context": "window", "tokens_per_item": 1750},
        "on_failure": "fallback",
        "duplicates": {"method": "exact"},
        "model": {"max_output_tokens": 8192},
    }
    compared = ("title", "days")
    group_word = "Phase"
    covering = "Week"

    def __init__(self, request: Request, texts: Mapping[str, str], documents: Mapping[str, str]) -> None:
        super().__init__(request, texts, documents)
        self.said = cast(RoadmapInputs, self.inputs)
        weeks = self.said.duration_weeks
        self.phases = self.said.phases or _usual(weeks)
        demanding = {role.casefold() for role in self.said.demanding_roles}
        self.auto_size = DEMANDING_WEEKS_A_CALL if self.said.target_role.casefold() in demanding else WEEKS_A_CALL
        planned = sum(phase.weeks for phase in self.phases)
        if planned != weeks:
            raise InputError("inputs.phases", f"the phases' weeks make {planned}, duration_weeks is {weeks}")
        if request.target not in (None, weeks):
            raise InputError("target", f"leave it out: duration_weeks makes {weeks}")

    def default_target(self) -> int:
        return self.said.duration_weeks

    def groups(self, target: int) -> list[Group]:
        return [Group(name=phase.name, target=phase.weeks) for phase in self.phases]

    def lay_out(self, sizes: Sequence[int]) -> tuple[list[Slot], list[str]]:
        width = max(2, len(str(self.said.duration_weeks)))
        slots: list[Slot] = []
        for phase in self.phases:
            for place in range(1, phase.weeks + 1):
                week = len(slots) + 1
                difficulty = self._difficulty(week)
                focus = f" ({phase.focus})" if phase.focus else ""
                slots.append(
                    Slot(
                        number=week,
                        key=f"week-{week:0{width}d}",
                        brief=f"week {week}, phase {phase.name}{focus}, {place} of {phase.weeks} in it, "
                        f"difficulty {difficulty}",
                        data={"week": week, "phase": phase.name, "difficulty": difficulty},
                    )
                )
        return slots, []

    def _difficulty(self, week: int) -> int:
        """Rises evenly from where the level starts, and is given to each week: phases are made side by side, so that
        none of them could follow another's."""
        lowest = LOWEST[self.said.level]
        last = max(1, self.said.duration_weeks - 1)
        return lowest + (week - 1) * (HIGHEST - lowest) // last

    def expected(self) -> dict[str, Any]:
        return {
            "phases": ", ".join(f"{phase.name} {phase.weeks}" for phase in self.phases),
            "weeks a call": self.auto_size if self.request.batching.size == "auto" else self.request.batching.size,
        }

    def system(self) -> str:
        said = self.said
        phases = "\n".join(f"- {phase.name}: {phase.weeks} weeks. {phase.focus}".rstrip() for phase in self.phases)
        return (
            f"You write learning roadmaps. This one leads to the role {said.target_role}, from level {said.level}, in "
            f"{said.duration_weeks} weeks of {said.hours_per_week} hours, in these phases:\n{phases}\n"
            "A week has a title and seven days; a day has a title and one to four tasks that can be finished that day. "
            "Each week builds on the one before, nothing is repeated, and the difficulty, from 1 to 10, is the one "
            f"that the slot names.\n{ANSWER_FORM}"
        )

    def task(self, slots: Sequence[Slot], around: Around) -> str:
        return f"Write exactly {len(slots)} week{'s' * (len(slots) != 1)}, one for each slot:\n{listing(slots)}"

    def tail(self, before: Sequence[Made]) -> str:
        """The last two days of the week before, and that it came from a template where it did."""
        slot, item = before[-1]
        rows = [f"Day {day['day']}: {day['title']} ({'; '.join(day['tasks'])})" for day in item["days"][-TAIL_DAYS:]]
        return "\n".join([f"{slot.key}: {item['title']}", *rows])

    def digest(self, slot: Slot, item: Item) -> str:
        return f"week {slot.number}: {item['title']}"

    def item_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        tasks = {"type": "array", "minItems": 1, "maxItems": 4, "items": TEXT}
        days = {"type": "array", "minItems": DAYS, "maxItems": DAYS, "items": closed({"title": TEXT, "tasks": tasks})}
        difficulty = {"type": "integer", "minimum": 1, "maximum": HIGHEST}
        return closed({"slot": SLOT, "title": TEXT, "difficulty": difficulty, "days": days})

    def faults(self, item: Item, slot: Slot) -> list[str]:
        said: list[str] = []
        if item["difficulty"] != slot.data["difficulty"]:
            said.append(f"the difficulty of this week is {slot.data['difficulty']}")
        tasks = Counter(task.casefold().strip() for day in item["days"] for task in day["tasks"])
        said += [f"the task '{task[:60]}' is there {times} times" for task, times in tasks.items() if times > 1][:2]
        return said

    def settled(self, item: Item, slot: Slot, around: Around) -> Item:
        """Days are counted here: a model gives them in order."""
        return item | {"days": [{"day": number, **day} for number, day in enumerate(item["days"], 1)]}

    def fallback(self, slot: Slot, around: Around) -> Item:
        return week_from_template(
            slot.number, self.said.target_role, slot.data["phase"], slot.data["week"], slot.data["difficulty"]
        )

    def finished(self, item: Item, slot: Slot) -> Item:
        made = super().finished(item, slot)
        return {"id": made.pop("id"), "week": slot.data["week"], "phase": slot.data["phase"], **made}

    def finished_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        schema = super().finished_schema(slots)
        fields: dict[str, Any] = schema["properties"]
        day = fields["days"]["items"]
        numbered = closed({"day": {"type": "integer", "minimum": 1, "maximum": DAYS}, **day["properties"]})
        places = {"id": fields["id"], "week": {"type": "integer"}, "phase": TEXT}
        fields = places | fields | {"days": fields["days"] | {"items": numbered}}
        return schema | {"properties": fields, "required": [*schema["required"], "week", "phase"]}

    def to_cover(self) -> dict[str, str]:
        phases = [phase for phase in self.phases for _ in range(phase.weeks)]
        return {f"{week}": phase.name for week, phase in enumerate(phases, 1)}

    def touches(self, slot: Slot, item: Item | None) -> Sequence[str]:
        return (str(slot.data["week"]),)

    def outline(self, item: Item) -> Item:
        tasks = [task.casefold().strip() for day in item["days"] for task in day["tasks"]]
        return {key: item[key] for key in ("id", "week", "phase", "difficulty")} | {"tasks": [hash(t) for t in tasks]}

    @property
    def title(self) -> str:
        return f"Roadmap: {self.said.target_role}"

    def chapter(self, item: Item) -> str:
        return item["phase"]

    def reading(self, item: Item) -> Iterable[Block]:
        """A week to be ticked off, day by day."""
        yield Fields([("Difficulty", f"{item['difficulty']} of {HIGHEST}"), ("Source", source(item["provenance"]))])
        for day in item["days"]:
            yield Heading(f"Day {day['day']}: {day['title']}", 3)
            yield Entries(day["tasks"], boxes=True)

    def metadata(self) -> dict[str, Any]:
        said = self.said
        return {
            "target_role": said.target_role,
            "duration_weeks": said.duration_weeks,
            "level": said.level,
            "hours_per_week": said.hours_per_week,
        }

    def sections(self, outlines: Sequence[Item]) -> dict[str, Any]:
        return {
            "phases": [
                {"name": phase.name, "weeks": [o["week"] for o in outlines if o["phase"] == phase.name]}
                for phase in self.phases
            ]
        }

    def problems(self, outlines: Sequence[Item]) -> list[str]:
        """Every week once, difficulty never falling, no task twice; or where not."""
        said: list[str] = []
        weeks = [outline["week"] for outline in outlines]
        missing = sorted(set(range(1, self.said.duration_weeks + 1)) - set(weeks))
        if missing or len(set(weeks)) < len(weeks):
            said.append(f"weeks missing: {missing or 'none'}; weeks there twice: {len(weeks) - len(set(weeks))}")
        falls = [
            f"{later['id']} ({earlier['difficulty']} to {later['difficulty']})"
            for earlier, later in pairwise(outlines)
            if later["difficulty"] < earlier["difficulty"]
        ]
        if falls:
            said.append(f"difficulty falls at {', '.join(falls[:10])}")
        first: dict[int, str] = {}
        again = [
            f"{o['id']} as in {first[t]}"
            for o in outlines
            for t in o["tasks"]
            if first.setdefault(t, o["id"]) != o["id"]
        ]
        if again:
            said.append(f"tasks repeated: {', '.join(dict.fromkeys(again))}"[:400])
        return said


def _usual(weeks: int) -> tuple[Phase, ...]:
    """The four usual phases; fewer where there are not enough weeks."""
    sizes = [size for size in balanced(weeks, len(USUAL)) if size]
    return tuple(Phase(name=name, weeks=size) for name, size in zip(USUAL, sizes, strict=False))
