"""A string that matches a regular expression, for the part of the syntax that schemas use."""

import random
import re

_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-. "
_ATOM = re.compile(r"(\\.|\[(?:\\.|[^\]])+\]|[^\\()|^$])(\{\d+(?:,\d*)?\}|[*+?])?")


def matching(pattern: str, source: random.Random) -> str:
    """Literals, classes, `\\d`, `\\w`, counts; of a choice in brackets, the first. The result is checked: a pattern
    beyond that gives text that does not match, as a weak model would."""
    simple = pattern
    while (group := re.search(r"\((?:\?:)?([^()]*)\)", simple)) is not None:
        simple = simple[: group.start()] + group[1].split("|")[0] + simple[group.end() :]
    made: list[str] = []
    for atom, count in _ATOM.findall(simple.split("|")[0]):
        allowed = [letter for letter in _ALPHABET if re.fullmatch(atom, letter)] or [atom[-1]]
        made += [source.choice(allowed) for _ in range(_times(count, source))]
    return "".join(made)


def _times(count: str, source: random.Random) -> int:
    if not count or count == "?":
        return 1
    if count in "*+":
        return source.randint(1, 6)
    least, comma, most = count.strip("{}").partition(",")
    return source.randint(int(least), int(most)) if comma and most else int(least)
