"""A learning roadmap, week by week: phases side by side, weeks inside a phase in a lane."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import Field, StrictInt, StrictStr

from quire.batching import balance
from quire.progress import Group
from quire.request import Part, Request
from quire.slots import Slot
from recipes.base.document_blocks import Block, Entries, Fields, Heading, describe_source
from recipes.base.recipe import ANSWER_FORM, BatchContext, FilledSlot, InputError, Item, Recipe, listing
from recipes.base.schema_parts import SLOT, TEXT, closed
from recipes.roadmap.week_templates import fill_week_template

DAYS = 7
TAIL_DAYS = 2
"""Days of the previous week that a prompt shows."""
WEEKS_PER_CALL, DEMANDING_WEEKS_PER_CALL = 3, 2
USUAL_PHASES = ("Foundations", "Core skills", "Advanced practice", "Portfolio and interviews")
LOWEST = {"beginner": 1, "intermediate": 3, "advanced": 5}
HIGHEST = 10


class Phase(Part):
    """A part of the roadmap: consecutive weeks with a name."""

    name: StrictStr = Field(min_length=1, description="what the phase is called")
    weeks: Annotated[StrictInt, Field(ge=1, le=520)] = Field(description="how many weeks it takes")
    focus: StrictStr = Field(default="", description="what it is about")


class RoadmapInputs(Part):
    """The inputs of a roadmap: who learns what, in how many weeks."""

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
    """A week per slot."""

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
    coverage_word = "Week"

    def __init__(self, request: Request, texts: Mapping[str, str], documents: Mapping[str, str]) -> None:
        super().__init__(request, texts, documents)
        self.parameters = cast(RoadmapInputs, self.inputs)
        weeks = self.parameters.duration_weeks
        self.phases = self.parameters.phases or _split_into_usual_phases(weeks)
        demanding = {role.casefold() for role in self.parameters.demanding_roles}
        is_demanding = self.parameters.target_role.casefold() in demanding
        self.auto_size = DEMANDING_WEEKS_PER_CALL if is_demanding else WEEKS_PER_CALL
        planned = sum(phase.weeks for phase in self.phases)
        if planned != weeks:
            raise InputError("inputs.phases", f"the phases' weeks add up to {planned}, but duration_weeks is {weeks}")
        if request.target not in (None, weeks):
            raise InputError("target", f"leave it out: duration_weeks already says {weeks}")

    def default_target(self) -> int:
        return self.parameters.duration_weeks

    def groups(self, target: int) -> list[Group]:
        return [Group(name=phase.name, target=phase.weeks) for phase in self.phases]

    def lay_out(self, sizes: Sequence[int]) -> tuple[list[Slot], list[str]]:
        width = max(2, len(str(self.parameters.duration_weeks)))
        slots: list[Slot] = []
        for phase in self.phases:
            for week_of_phase in range(1, phase.weeks + 1):
                week = len(slots) + 1
                difficulty = self._difficulty_of(week)
                focus = f" ({phase.focus})" if phase.focus else ""
                slots.append(
                    Slot(
                        number=week,
                        key=f"week-{week:0{width}d}",
                        brief=f"week {week}, phase {phase.name}{focus}, {week_of_phase} of {phase.weeks} in it, "
                        f"difficulty {difficulty}",
                        data={"week": week, "phase": phase.name, "difficulty": difficulty},
                    )
                )
        return slots, []

    def _difficulty_of(self, week: int) -> int:
        """Return a week's difficulty, which rises evenly from the level's lowest.

        The slot prescribes it, because phases are made in parallel and cannot follow each other's.
        """
        lowest = LOWEST[self.parameters.level]
        last = max(1, self.parameters.duration_weeks - 1)
        return lowest + (week - 1) * (HIGHEST - lowest) // last

    def plan_facts(self) -> dict[str, Any]:
        return {
            "phases": ", ".join(f"{phase.name} {phase.weeks}" for phase in self.phases),
            "weeks a call": self.auto_size if self.request.batching.size == "auto" else self.request.batching.size,
        }

    def system(self) -> str:
        parameters = self.parameters
        phases = "\n".join(f"- {phase.name}: {phase.weeks} weeks. {phase.focus}".rstrip() for phase in self.phases)
        return (
            f"You write learning roadmaps. This one leads to the role {parameters.target_role}, from level "
            f"{parameters.level}, in {parameters.duration_weeks} weeks of {parameters.hours_per_week} hours, in these "
            f"phases:\n{phases}\n"
            "A week has a title and seven days; a day has a title and one to four tasks that can be finished that day. "
            "Each week builds on the one before, nothing is repeated, and the difficulty, from 1 to 10, is the one "
            f"that the slot names.\n{ANSWER_FORM}"
        )

    def task(self, slots: Sequence[Slot], context: BatchContext) -> str:
        return f"Write exactly {len(slots)} week{'s' * (len(slots) != 1)}, one for each slot:\n{listing(slots)}"

    def last_item_text(self, before: Sequence[FilledSlot]) -> str:
        """Return the title and the last two days of the previous week."""
        slot, item = before[-1]
        rows = [f"Day {day['day']}: {day['title']} ({'; '.join(day['tasks'])})" for day in item["days"][-TAIL_DAYS:]]
        return "\n".join([f"{slot.key}: {item['title']}", *rows])

    def summary_line(self, slot: Slot, item: Item) -> str:
        return f"week {slot.number}: {item['title']}"

    def item_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        tasks = {"type": "array", "minItems": 1, "maxItems": 4, "items": TEXT}
        days = {"type": "array", "minItems": DAYS, "maxItems": DAYS, "items": closed({"title": TEXT, "tasks": tasks})}
        difficulty = {"type": "integer", "minimum": 1, "maximum": HIGHEST}
        return closed({"slot": SLOT, "title": TEXT, "difficulty": difficulty, "days": days})

    def faults(self, item: Item, slot: Slot) -> list[str]:
        faults: list[str] = []
        if item["difficulty"] != slot.data["difficulty"]:
            faults.append(f"the difficulty of this week is {slot.data['difficulty']}")
        tasks = Counter(task.casefold().strip() for day in item["days"] for task in day["tasks"])
        faults += [f"the task '{task[:60]}' is there {count} times" for task, count in tasks.items() if count > 1][:2]
        return faults

    def with_context(self, item: Item, slot: Slot, context: BatchContext) -> Item:
        """Return the week with its days numbered: the model only puts them in order."""
        return item | {"days": [{"day": number, **day} for number, day in enumerate(item["days"], 1)]}

    def fallback(self, slot: Slot, context: BatchContext) -> Item:
        return fill_week_template(
            slot.number, self.parameters.target_role, slot.data["phase"], slot.data["week"], slot.data["difficulty"]
        )

    def to_artifact(self, item: Item, slot: Slot) -> Item:
        fields = super().to_artifact(item, slot)
        return {"id": fields.pop("id"), "week": slot.data["week"], "phase": slot.data["phase"], **fields}

    def artifact_schema(self, slots: Sequence[Slot]) -> dict[str, Any]:
        schema = super().artifact_schema(slots)
        fields: dict[str, Any] = schema["properties"]
        day = fields["days"]["items"]
        numbered = closed({"day": {"type": "integer", "minimum": 1, "maximum": DAYS}, **day["properties"]})
        position = {"id": fields["id"], "week": {"type": "integer"}, "phase": TEXT}
        fields = position | fields | {"days": fields["days"] | {"items": numbered}}
        return schema | {"properties": fields, "required": [*schema["required"], "week", "phase"]}

    def required_ids(self) -> dict[str, str]:
        phases = [phase for phase in self.phases for _ in range(phase.weeks)]
        return {f"{week}": phase.name for week, phase in enumerate(phases, 1)}

    def covered_ids(self, slot: Slot, item: Item | None) -> Sequence[str]:
        return (str(slot.data["week"]),)

    def outline(self, item: Item) -> Item:
        tasks = [task.casefold().strip() for day in item["days"] for task in day["tasks"]]
        return {key: item[key] for key in ("id", "week", "phase", "difficulty")} | {"tasks": [hash(t) for t in tasks]}

    @property
    def title(self) -> str:
        return f"Roadmap: {self.parameters.target_role}"

    def chapter(self, item: Item) -> str:
        return item["phase"]

    def reading(self, item: Item) -> Iterable[Block]:
        """Yield a week whose tasks have boxes to tick, day by day."""
        yield Fields(
            [("Difficulty", f"{item['difficulty']} of {HIGHEST}"), ("Source", describe_source(item["provenance"]))]
        )
        for day in item["days"]:
            yield Heading(f"Day {day['day']}: {day['title']}", 3)
            yield Entries(day["tasks"], boxes=True)

    def metadata(self) -> dict[str, Any]:
        parameters = self.parameters
        return {
            "target_role": parameters.target_role,
            "duration_weeks": parameters.duration_weeks,
            "level": parameters.level,
            "hours_per_week": parameters.hours_per_week,
        }

    def sections(self, outlines: Sequence[Item]) -> dict[str, Any]:
        return {
            "phases": [
                {"name": phase.name, "weeks": [o["week"] for o in outlines if o["phase"] == phase.name]}
                for phase in self.phases
            ]
        }

    def problems(self, outlines: Sequence[Item]) -> list[str]:
        """Return where a week is missing or doubled, the difficulty falls, or a task is repeated."""
        problems: list[str] = []
        weeks = [outline["week"] for outline in outlines]
        missing = sorted(set(range(1, self.parameters.duration_weeks + 1)) - set(weeks))
        doubled = len(weeks) - len(set(weeks))
        if missing or doubled:
            problems.append(f"weeks missing: {missing or 'none'}; weeks there twice: {doubled}")
        if falls := _find_falls(outlines):
            problems.append(f"difficulty falls at {', '.join(falls[:10])}")
        if repeated := _find_repeated_tasks(outlines):
            problems.append(f"tasks repeated: {', '.join(repeated)}"[:400])
        return problems


def _find_falls(outlines: Sequence[Item]) -> list[str]:
    return [
        f"{later['id']} ({earlier['difficulty']} to {later['difficulty']})"
        for earlier, later in pairwise(outlines)
        if later["difficulty"] < earlier["difficulty"]
    ]


def _find_repeated_tasks(outlines: Sequence[Item]) -> list[str]:
    """Return each pair of weeks that shares a task, with the week that had it first."""
    first_week: dict[int, str] = {}
    pairs = [
        f"{outline['id']} as in {first_week[task]}"
        for outline in outlines
        for task in outline["tasks"]
        if first_week.setdefault(task, outline["id"]) != outline["id"]
    ]
    return list(dict.fromkeys(pairs))


def _split_into_usual_phases(weeks: int) -> tuple[Phase, ...]:
    """Return the four usual phases; fewer if there are not enough weeks."""
    sizes = [size for size in balance(weeks, len(USUAL_PHASES)) if size]
    return tuple(Phase(name=name, weeks=size) for name, size in zip(USUAL_PHASES, sizes, strict=False))
