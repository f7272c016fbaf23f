"""A library of backgammon positions, and which of them a drill series needs. Pure."""

import random
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from recipes.base.json_lines import objects
from recipes.base.recipe import InputError

OPENING = "OPENING"
BUFFER = 2
"""Positions of a phase beyond what its share of the drills needs, for variety."""
OLD_LOAD = 96
"""What seed 002's system loaded whatever was asked for."""

Dice = Annotated[str, Field(pattern=r"^[1-6]-[1-6]$")]


class Position(BaseModel):
    """A position to be drilled. Fields beyond these, as a database table has them, are kept out of the prompt."""

    id: str = Field(min_length=1)
    phase: str = Field(min_length=1)
    position_id: str = Field(pattern=r"^[A-Za-z0-9+/]{14}$")
    """GNU Backgammon's position id, from the side of the player on roll."""
    dice: Dice
    best: str = ""
    """The best move, where the library knows it."""
    description: str = ""

    def shown(self) -> str:
        """A line for the prompt."""
        said = f"; {self.description}" if self.description else ""
        best = f"; best is {self.best}" if self.best else ""
        return f"{self.id} ({self.phase}): GNU position id {self.position_id}, dice {self.dice}{said}{best}"


def read(text: str, field: str, document: str) -> list[Position]:
    """The positions of a library, in its order. Raises InputError that names the line."""
    found: dict[str, Position] = {}
    for number, row in objects(text, document, field):
        try:
            position = Position.model_validate(row)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"])) or "line"
            raise InputError(field, f"{document}:{number}: {name}: {first['msg']}") from None
        if position.id in found:
            raise InputError(field, f"{document}:{number}: id {position.id} is there already")
        found[position.id] = position
    return list(found.values())


def needed(target: int, phases: int, most: int) -> int:
    """Positions that each phase needs: 20 drills over 2 phases is 12."""
    return min(-(-target // phases) + BUFFER, most)


def drawn(library: Sequence[Position], phases: Sequence[str], count: int, seed: int) -> list[list[Position]]:
    """What each phase gives: the opening all that it has, in dice order; the others `count`, drawn at random."""
    shares: list[list[Position]] = []
    for phase in phases:
        there = [position for position in library if position.phase == phase]
        if phase == OPENING:
            shares.append(sorted(there, key=lambda position: (position.dice, position.id)))
        else:
            shares.append(random.Random(f"{seed}/{phase}").sample(there, min(count, len(there))))
    return shares


def interleaved(shares: Sequence[Sequence[Position]]) -> list[Position]:
    """One of each phase in turn, so that every batch has some of all."""
    longest = max(map(len, shares), default=0)
    return [share[index] for index in range(longest) for share in shares if index < len(share)]
