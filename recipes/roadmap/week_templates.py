"""Weeks from templates, for those that the model could not make: each fits role, phase and week. Pure."""

from typing import Any

_STEPS = (
    ("Orient", ("List what week {week} of {phase} asks of a {role}", "Write down three questions for week {week}")),
    ("Read", ("Read a reference chapter on {phase}, week {week}", "Note five terms of it that a {role} uses")),
    ("Try", ("Rebuild one example of week {week} from the {phase} reference by hand",)),
    ("Practise", ("Solve three exercises for week {week} at difficulty {difficulty}", "Compare with a known solution")),
    ("Build", ("Add a part to your {role} project that uses week {week}",)),
    ("Review", ("Have the week {week} part reviewed, or review it by a checklist", "Mend what the review found")),
    ("Reflect", ("Answer the questions of week {week} in writing", "Plan what week {week} left open")),
)


def fill_week_template(slot: int, role: str, phase: str, week: int, difficulty: int) -> dict[str, Any]:
    """Return an item of the roadmap's schema; no two weeks of a roadmap share a task."""
    values = {"role": role, "phase": phase, "week": week, "difficulty": difficulty}
    days = [
        {
            "title": f"{verb}: {phase}, week {week}",
            "tasks": [(text if "{week}" in text else f"{text} (week {{week}})").format(**values) for text in tasks],
        }
        for verb, tasks in _STEPS
    ]
    return {"slot": slot, "title": f"{phase} for a {role}: guided week {week}", "difficulty": difficulty, "days": days}
