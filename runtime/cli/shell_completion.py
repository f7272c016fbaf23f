"""Completions of a command line at the Tab key. The shell runs this module, so it imports nothing that takes time."""

import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from runtime.cli.command_table import COMMANDS
from runtime.cli.shell_run_ids import complete_run_id

Completion = tuple[str, str]
"""A word, and its description."""
FILES = "files"
"""Stands for completions if the shell is to complete a file's name."""


@dataclass(frozen=True)
class Option:
    """An option as the command table writes it."""

    names: tuple[str, ...]
    """How it is written; a switch may have two, `--open` and `--no-open`."""
    value: str
    """The kind of its value; empty for a switch."""
    is_repeatable: bool


def parse_usage(usage: str) -> tuple[list[str], list[Option]]:
    """Return the kinds of a command's arguments, and its options."""
    words = usage.split()
    options = [re.fullmatch(r"(--[^=]+)=?([^.]*)(\.{3})?", word) for word in words if word.startswith("--")]
    return [word for word in words if not word.startswith("--")], [
        Option(tuple(match[1].split("/")), match[2], bool(match[3])) for match in options if match
    ]


def complete(words: Sequence[str]) -> list[Completion] | str:
    """Return what the last of the words after `starter.py` may become, or FILES. The last word may be empty."""
    *previous, current = words
    if not previous:
        return _list_commands("")
    group = f"{previous[0]} "
    if len(previous) == 1 and not current.startswith("-") and (commands := _list_commands(group)):
        return commands
    name, arguments = previous[0], previous[1:]
    if arguments and group + arguments[0] in COMMANDS:
        name, arguments = group + arguments[0], arguments[1:]
    return _complete_arguments(COMMANDS[name].usage, arguments, current) if name in COMMANDS else []


def _list_commands(group: str) -> list[Completion]:
    """Return the commands of a group, named as `topics `, or those at the top."""
    names = {name.removeprefix(group): name for name in COMMANDS if name.startswith(group)}
    return [(word, COMMANDS[name].help.partition("\n")[0]) for word, name in names.items() if " " not in word]


def _complete_arguments(usage: str, previous: Sequence[str], current: str) -> list[Completion] | str:
    arguments, options = parse_usage(usage)
    by_name = {name: option for option in options for name in option.names}
    pending: Option | None = None  # the option whose value comes next
    position = 0
    for word in previous:
        if pending is not None:
            pending = None
        elif word.startswith("-"):
            name, equals, _ = word.partition("=")
            option = by_name.get(name)
            pending = option if option and option.value and not equals else None
        else:
            position += 1
    if pending is not None:
        return _complete_value(pending.value, current)
    if not current.startswith("-") and position < len(arguments):
        return _complete_value(arguments[position], current)
    used = {word.partition("=")[0] for word in previous}
    unused = [option for option in options if option.is_repeatable or not used & set(option.names)]
    return [*((name, "") for option in unused for name in option.names), ("--help", "what it does and takes")]


def _complete_value(kind: str, current: str) -> list[Completion] | str:
    if kind == "FILE":
        return FILES
    if kind == "ID":
        return complete_run_id(current)
    return [(choice, "") for choice in kind.split("|")] if "|" in kind else []


def complete_in_bash(line: str, current: str) -> Iterator[str]:
    """Yield completions for bash. `line` ends at the cursor; `current` is the current word as bash sees it, which also
    splits words at `:` and `=`."""
    words = _words_after_starter(_split_line(line))
    completions = complete(words)
    if isinstance(completions, str):
        yield completions
        return
    yield "words"
    typed = words[-1]
    offset = len(typed) - len(current) if typed.endswith(current) else 0
    for word, _ in completions:
        if word.startswith(typed):
            yield shlex.quote(word[offset:])


def _split_line(line: str) -> list[str]:
    """Return a line's words, the last one unfinished or empty; a quote may be open."""
    for end in ("", "'", '"'):
        try:
            words = shlex.split(line + end)
        except ValueError:
            continue
        return [*words, ""] if not end and line[-1:].isspace() else words
    return [""]


def _words_after_starter(words: Sequence[str]) -> list[str]:
    position = next(
        (index for index, word in enumerate(words) if word.rpartition("/")[2] == "starter.py"), len(words) - 1
    )
    return list(words[position + 1 :]) or [""]


def complete_in_columns(*words: str) -> Iterator[str]:
    """Yield completions for zsh and fish, of the words after `starter.py`: a word, a tab, and its description."""
    completions = complete(words or ("",))
    if isinstance(completions, str):
        yield completions
        return
    yield "words"
    for word, description in completions:
        if word.isprintable():
            yield f"{word}\t{description}"


SHELLS: dict[str, Callable[..., Iterator[str]]] = {
    "bash": complete_in_bash,
    "zsh": complete_in_columns,
    "fish": complete_in_columns,
}

if __name__ == "__main__":
    shell, *words = sys.argv[1:]
    print("\n".join(SHELLS[shell](*words)))
