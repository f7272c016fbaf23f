"""What the commands are and take, read from their source: importing them takes a second, reading a fiftieth of one."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

MARK = "command"
"""The decorator of a command: `@command`, or `@group.command` in a module that holds a group."""
Kind = Literal["ids", "files", "choices", "flag", "text"]
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Taken:
    """An argument of a command."""

    names: tuple[str, ...]
    """As an option is written; empty where it goes by its place."""
    kind: Kind
    help: str = ""
    choices: tuple[str, ...] = ()
    again: bool = False
    """Whether it may be given more than once."""


@dataclass(frozen=True)
class Command:
    """A command: its name, what `--help` says of it, and what it takes."""

    name: str
    told: str
    places: tuple[Taken, ...]
    options: tuple[Taken, ...]


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse((_HERE / f"{module}.py").read_text("utf-8"))


def functions(module: str) -> Iterator[ast.AsyncFunctionDef]:
    """The functions marked `@command` in a module beside this one."""
    for part in _tree(module).body:
        marks = part.decorator_list if isinstance(part, ast.AsyncFunctionDef) else []
        if isinstance(part, ast.AsyncFunctionDef) and any(ast.unparse(mark) == MARK for mark in marks):
            yield part


def top() -> dict[str, Command | str]:
    """The commands by name; a group's module and sentence, parted by a line's end, where it has commands of its own."""
    said = _assigned("app")
    modules: tuple[str, ...] = ast.literal_eval(said["HOLDING"])
    groups: dict[str, tuple[str, str]] = ast.literal_eval(said["GROUPS"])
    found = [_command(part) for module in modules for part in functions(module)]
    return {one.name: one for one in found} | {name: "\n".join(group) for name, group in groups.items()}


def inner(module: str, group: str) -> dict[str, Command]:
    """A group's commands by name; the one of the group itself has none."""
    found: dict[str, Command] = {}
    for part in _tree(module).body:
        marks = [ast.unparse(mark) for mark in part.decorator_list] if isinstance(part, ast.AsyncFunctionDef) else []
        if isinstance(part, ast.AsyncFunctionDef) and {f"{group}.command", f"{group}.default"} & set(marks):
            one = _command(part)
            found["" if f"{group}.default" in marks else one.name] = one
    return found


def _assigned(module: str) -> dict[str, ast.expr]:
    return {
        part.targets[0].id: part.value
        for part in _tree(module).body
        if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name)
    }


def _command(part: ast.AsyncFunctionDef) -> Command:
    taken = part.args
    places = [_taken(one) for one in taken.posonlyargs]
    if taken.vararg:
        places.append(_taken(taken.vararg, again=True))
    options = tuple(_taken(one, option=True) for one in taken.kwonlyargs)
    return Command(_spelt(part.name), (ast.get_docstring(part) or "").partition("\n")[0], tuple(places), options)


def _taken(argument: ast.arg, *, option: bool = False, again: bool = False) -> Taken:
    assert argument.annotation is not None
    ids = "Id" in _names(argument.annotation)
    annotation = _resolved(argument.annotation)
    said = _parameter(annotation)
    words = _names(annotation)
    choices = _choices(annotation)
    kind: Kind = "ids" if ids else "choices" if choices else _plain_kind(words)
    names: tuple[str, ...] = ()
    if option:
        plain = str(said.get("name") or f"--{_spelt(argument.arg)}")
        both = kind == "flag" and said.get("negative") is None
        names = (plain, f"--no-{plain[2:]}") if both else (plain,)
    return Taken(names, kind, str(said.get("help") or ""), choices, again or "list" in words)


def _plain_kind(words: set[str]) -> Kind:
    return "files" if "Path" in words else "flag" if "bool" in words else "text"


def _resolved(annotation: ast.expr) -> ast.expr:
    """What a name that several commands use stands for."""
    shared = _assigned("app")
    return shared.get(annotation.id, annotation) if isinstance(annotation, ast.Name) else annotation


def _parameter(annotation: ast.expr) -> dict[str, object]:
    """What `Parameter(…)` says, as far as it is written out."""
    for part in ast.walk(annotation):
        if isinstance(part, ast.Call) and ast.unparse(part.func) == "Parameter":
            return {word.arg: ast.literal_eval(word.value) for word in part.keywords if word.arg}
    return {}


def _choices(annotation: ast.expr) -> tuple[str, ...]:
    for part in ast.walk(annotation):
        if isinstance(part, ast.Subscript) and ast.unparse(part.value) == "Literal":
            said = ast.literal_eval(part.slice)
            return tuple(map(str, said if isinstance(said, tuple) else (said,)))
    return ()


def _names(annotation: ast.expr) -> set[str]:
    """The types that an annotation names."""
    return {part.id for part in ast.walk(annotation) if isinstance(part, ast.Name)}


def _spelt(name: str) -> str:
    return name.strip("_").replace("_", "-")
