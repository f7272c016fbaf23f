"""Strings that match a regular expression, for the part of the syntax that schemas use."""

import random
import re

_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-. "
_ATOM = re.compile(r"(\\.|\[(?:\\.|[^\]])+\]|[^\\()|^$])(\{\d+(?:,\d*)?\}|[*+?])?")


def generate_match(pattern: str, source: random.Random) -> str:
    """Return a string that matches literals, classes, `\\d`, `\\w` and counts; of alternatives, the first is used.

    For a pattern beyond that the text may not match, as a weak model's would not.
    """
    simple = pattern
    while (group := re.search(r"\((?:\?:)?([^()]*)\)", simple)) is not None:
        simple = simple[: group.start()] + group[1].split("|")[0] + simple[group.end() :]
    letters: list[str] = []
    for atom, count in _ATOM.findall(simple.split("|")[0]):
        allowed = [letter for letter in _ALPHABET if re.fullmatch(atom, letter)] or [atom[-1]]
        letters += [source.choice(allowed) for _ in range(_draw_count(count, source))]
    return "".join(letters)


def _draw_count(count: str, source: random.Random) -> int:
    if not count or count == "?":
        return 1
    if count in "*+":
        return source.randint(1, 6)
    least, comma, most = count.strip("{}").partition(",")
    return source.randint(int(least), int(most)) if comma and most else int(least)
