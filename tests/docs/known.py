"""Whether a command that is only named, or cannot be run here, exists with all its options."""

import re
import shlex
from pathlib import Path

from cyclopts import App, default_name_transform

from runtime.cli.app import GROUPS, HOLDING, command_line, commands_in
from tests.conftest import ROOT

OPTION = re.compile(r"(--[a-z][a-z-]+)")


def commands() -> set[str]:
    """The names of all commands."""
    return {default_name_transform(name) for module in HOLDING for name in commands_in(module)} | set(GROUPS)


def unknown(command: str) -> str | None:
    """What of `uv run starter.py …`, `… worker.py …` or `… python -m …` there is not, in words, or None."""
    words = shlex.split(re.sub(r"[\[\]…]|\.\.\.", " ", command), comments=True)
    while words and (words[0] in ("uv", "run", "python", "-m") or re.match(r"[A-Z_]+=", words[0])):
        words.pop(0)
    if not words:
        return None
    if words[0] == "starter.py":
        return _of_starter([word for word in words[1:] if word != "--help"])
    if words[0] == "worker.py" or command.startswith(("uv run python -m", "python -m")):
        return _of_program(words)
    return None


def _of_starter(words: list[str]) -> str | None:
    _, apps, rest = command_line().parse_commands(words)
    if len(apps) < 2:
        return f"there is no command '{words[0]}'" if words else None
    strange = set(OPTION.findall(" ".join(rest))) - _options(apps[-1])
    return f"{' '.join(words)}: there is no {', '.join(sorted(strange))}" if strange else None


def _options(app: App) -> set[str]:
    if app.default_command is None:
        return set()
    return {name for argument in app.assemble_argument_collection() for name in argument.names}


def _of_program(words: list[str]) -> str | None:
    sources = _sources(words[0])
    if not sources:
        return f"there is no program '{words[0]}'"
    options = set(OPTION.findall(" ".join(words[1:]))) - {"--help"}
    strange = sorted(options - set(OPTION.findall("".join(file.read_text("utf-8") for file in sources))))
    return f"{words[0]}: there is no {', '.join(strange)}" if strange else None


def _sources(name: str) -> list[Path]:
    """A program's files, which name its options: not all of them answer `--help`."""
    if name.endswith(".py"):
        return [ROOT / name]
    module = ROOT.joinpath(*name.split("."))
    return (
        [*module.glob("*.py")] if module.is_dir() else [file for file in [module.with_suffix(".py")] if file.exists()]
    )
