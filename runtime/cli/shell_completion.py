"""What may come next on a command line: run by the shell at the Tab key, so nothing is imported that takes time."""

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence

from runtime.cli import command_index
from runtime.cli.command_index import Command, Taken
from runtime.cli.shell_run_ids import known_ids

Offer = tuple[str, str]
"""A word, and what is said of it."""
FILES = "files"
"""Said in the place of offers where the shell is to offer files."""


def offered(words: Sequence[str]) -> list[Offer] | str:
    """What the last of the words after `starter.py`, begun or empty, may become: offers, or FILES."""
    *before, begun = words
    there = command_index.top()
    if not before:
        return [(name, one.told if isinstance(one, Command) else one.partition("\n")[2]) for name, one in there.items()]
    one = there.get(before[0])
    if isinstance(one, str):
        inside = command_index.inner(one.partition("\n")[0], before[0])
        if len(before) == 1 and not begun.startswith("-"):
            return [(name, inner.told) for name, inner in inside.items() if name]
        one, before = (inside.get(before[1]), before[1:]) if len(before) > 1 else (inside.get(""), before)
    return _within(one, before[1:], begun) if one is not None else []


def _within(command: Command, before: Sequence[str], begun: str) -> list[Offer] | str:
    """The same after a command."""
    options = {name: option for option in command.options for name in option.names}
    waiting: Taken | None = None
    place = 0
    for word in before:
        if waiting is not None:
            waiting = None
        elif word.startswith("-"):
            name, equals, _ = word.partition("=")
            option = options.get(name)
            waiting = option if option and option.kind != "flag" and not equals else None
        else:
            place += 1
    if waiting is not None:
        return _values(waiting, begun)
    places = command.places
    if not begun.startswith("-"):
        if place < len(places):
            return _values(places[place], begun)
        if places and places[-1].again:
            return _values(places[-1], begun)
    used = {word.partition("=")[0] for word in before}
    return [
        *((name, option.help) for name, option in options.items() if option.again or not used & set(option.names)),
        ("--help", "what it does and takes"),
    ]


def _values(taken: Taken, begun: str) -> list[Offer] | str:
    if taken.kind == "files":
        return FILES
    if taken.kind == "ids":
        return known_ids(begun)
    return [(choice, "") for choice in taken.choices]


def in_bash(line: str, current: str) -> Iterator[str]:
    """For bash, which hands over its line up to the cursor, and what it takes for the word there: it parts words at
    `:` and `=`, too."""
    words = _after_starter(_split(line))
    found = offered(words)
    if isinstance(found, str):
        yield found
        return
    yield "words"
    begun = words[-1]
    kept = len(begun) - len(current) if begun.endswith(current) else 0
    for name, _ in found:
        if name.startswith(begun):
            yield shlex.quote(name[kept:])


def _split(line: str) -> list[str]:
    """A line's words, the last one begun or empty; a quote may be open."""
    for end in ("", "'", '"'):
        try:
            words = shlex.split(line + end)
        except ValueError:
            continue
        return [*words, ""] if not end and line[-1:].isspace() else words
    return [""]


def _after_starter(words: Sequence[str]) -> list[str]:
    at = next((index for index, word in enumerate(words) if word.rpartition("/")[2] == "starter.py"), len(words) - 1)
    return list(words[at + 1 :]) or [""]


def in_columns(*words: str) -> Iterator[str]:
    """For zsh and fish, which hand over the words after `starter.py`: a word, a tab, and what is said of it."""
    found = offered(words or ("",))
    if isinstance(found, str):
        yield found
        return
    yield "words"
    for name, told in found:
        if name.isprintable():
            yield f"{name}\t{told}"


SHELLS: dict[str, Callable[..., Iterator[str]]] = {"bash": in_bash, "zsh": in_columns, "fish": in_columns}

if __name__ == "__main__":
    shell, *given = sys.argv[1:]
    print("\n".join(SHELLS[shell](*given)))
