"""How positions.jsonl was made: games that GNU Backgammon's networks play against themselves.

Run from the repository: `uv run --no-project --with gnubg-nn==1.1.0a11 examples/backgammon/make_positions.py`.
The dice come from a fixed seed, so the file comes out the same.
"""

import json
import random
from itertools import combinations_with_replacement
from pathlib import Path

import gnubg_nn as gnu  # pyright: ignore[reportMissingImports]

START = "4HPwATDgc/ABMA"
EACH = 48
EARLY_PLIES, LATE_PLIES = range(2, 9), range(12, 200)
OUT = Path(__file__).with_name("positions.jsonl")


def notation(moves) -> str:
    """`13/8 6/5`, with `bar` and `off`."""
    names = {25: "bar", 0: "off"}
    return " ".join(f"{names.get(start, start)}/{names.get(end, end)}" for start, end in moves)


def pips(side) -> int:
    """How far one side's checkers have to go."""
    return sum((point + 1) * count for point, count in enumerate(side))


def described(board) -> str:
    """What a person sees first. `board[1]` is the side on roll; index 24 is its bar."""
    said = f"pips {pips(board[1])} to {pips(board[0])}"
    for side, who in ((board[1], "own"), (board[0], "the opponent's")):
        if side[24]:
            said += f", {side[24]} of {who} on the bar"
        if sum(side) < 15:
            said += f", {15 - sum(side)} of {who} borne off"
    return said


def entry(name: str, phase: str, board, dice: tuple[int, int]) -> dict[str, str]:
    high, low = max(dice), min(dice)
    best = notation(gnu.bestmove(board, high, low))
    return {
        "id": name,
        "phase": phase,
        "position_id": gnu.position_id(board),
        "dice": f"{high}-{low}",
        "best": best,
        "description": described(board),
    }


def phase_of(board, ply: int) -> str | None:
    kind = gnu.classify(board)
    if kind == gnu.c_contact:
        return "EARLY" if ply in EARLY_PLIES else "MIDDLE" if ply in LATE_PLIES else None
    if kind in (gnu.c_race, gnu.c_bearoff):
        return "BEAROFF" if sum(board[1][6:]) == 0 else "RACE"
    return None


def played(source: random.Random):
    """The positions of one game, each from the side on roll, with the dice that it rolled."""
    board, ply = gnu.board_from_position_id(START), 1
    while gnu.classify(board) != gnu.c_over and ply < 300:
        dice = source.randint(1, 6), source.randint(1, 6)
        while ply == 1 and dice[0] == dice[1]:
            dice = source.randint(1, 6), source.randint(1, 6)
        yield ply, board, dice
        _, key = gnu.bestmove(board, *dice, b=1)
        after = gnu.board_from_position_key(key)
        board, ply = [list(side) for side in after], ply + 1


def main() -> None:
    start = gnu.board_from_position_id(START)
    rows = [
        entry(f"OPEN-{high}{low}", "OPENING", start, (high, low))
        for low, high in combinations_with_replacement(range(1, 7), 2)
    ]
    source, seen = random.Random(2026), set()
    found: dict[str, list[dict[str, str]]] = {"EARLY": [], "MIDDLE": [], "RACE": [], "BEAROFF": []}
    while any(len(there) < EACH for there in found.values()):
        taken = set()
        for ply, board, dice in played(source):
            phase = phase_of(board, ply)
            known = gnu.position_id(board)
            if phase is None or phase in taken or known in seen or len(found[phase]) == EACH or source.random() < 0.5:
                continue
            made = entry(f"{phase}-{len(found[phase]) + 1:02d}", phase, board, dice)
            if made["best"]:  # who cannot move has nothing to decide
                seen.add(known)
                taken.add(phase)
                found[phase].append(made)
    rows += [row for there in found.values() for row in there]
    OUT.write_text("".join(json.dumps(row) + "\n" for row in rows))
    print({phase: sum(row["phase"] == phase for row in rows) for phase in dict.fromkeys(r["phase"] for r in rows)})


if __name__ == "__main__":
    main()
