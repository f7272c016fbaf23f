"""A library of backgammon positions, and which of them a drill series uses. Pure."""

import random
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from recipes.base.json_lines import parse_json_lines
from recipes.base.recipe import InputError

OPENING = "OPENING"
EXTRA_POSITIONS = 2
"""Positions of a phase in addition to its share of the drills, for variety."""
FORMER_LOAD = 96
"""Positions that the system before Quire loaded for every series, however short."""

Dice = Annotated[str, Field(pattern=r"^[1-6]-[1-6]$")]


class Position(BaseModel):
    """A position to drill. Other columns that a database table may have stay out of the prompt."""

    id: str = Field(min_length=1)
    phase: str = Field(min_length=1)
    position_id: str = Field(pattern=r"^[A-Za-z0-9+/]{14}$")
    """GNU Backgammon's position id, seen by the player on roll."""
    dice: Dice
    best: str = ""
    """The best move, if the library names it."""
    description: str = ""

    def describe(self) -> str:
        """Return the position as a line of the prompt."""
        description = f"; {self.description}" if self.description else ""
        best = f"; best is {self.best}" if self.best else ""
        return f"{self.id} ({self.phase}): GNU position id {self.position_id}, dice {self.dice}{description}{best}"


def read_positions(text: str, field: str, document: str) -> list[Position]:
    """Return the positions of a library, in its order. Raises InputError that names the line."""
    positions: dict[str, Position] = {}
    for number, row in parse_json_lines(text, document, field):
        try:
            position = Position.model_validate(row)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"])) or "line"
            raise InputError(field, f"{document}:{number}: {name}: {first['msg']}") from None
        if position.id in positions:
            raise InputError(field, f"{document}:{number}: duplicate id {position.id}")
        positions[position.id] = position
    return list(positions.values())


def count_per_phase(target: int, phases: int, most: int) -> int:
    """Return how many positions each phase contributes, `most` at most: for 20 drills over 2 phases, 12."""
    return min(-(-target // phases) + EXTRA_POSITIONS, most)


def draw_by_phase(library: Sequence[Position], phases: Sequence[str], count: int, seed: int) -> list[list[Position]]:
    """Return each phase's share: all positions of the opening by dice, `count` drawn at random of any other phase."""
    shares: list[list[Position]] = []
    for phase in phases:
        available = [position for position in library if position.phase == phase]
        if phase == OPENING:
            shares.append(sorted(available, key=lambda position: (position.dice, position.id)))
        else:
            shares.append(random.Random(f"{seed}/{phase}").sample(available, min(count, len(available))))
    return shares


def interleave(shares: Sequence[Sequence[Position]]) -> list[Position]:
    """Return the positions of all shares in turn, so that every batch has some of each."""
    longest = max(map(len, shares), default=0)
    return [share[index] for index in range(longest) for share in shares if index < len(share)]
