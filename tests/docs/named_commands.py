"""Commands that a page only names, or that cannot run here: whether they exist with all their options."""

import re
import shlex
from pathlib import Path

from cyclopts import App

from runtime.cli.app import build_command_line
from runtime.cli.command_table import COMMANDS
from runtime.paths import ROOT

OPTION = re.compile(r"(--[a-z][a-z-]+)")


def list_commands() -> set[str]:
    """Return the names of all commands."""
    return {name for name in COMMANDS if " " not in name}


def explain_unknown(command: str) -> str | None:
    """Say which part of `uv run starter.py …`, `… worker.py …` or `… python -m …` does not exist, or return None."""
    words = shlex.split(re.sub(r"[\[\]…]|\.\.\.", " ", command), comments=True)
    while words and (words[0] in ("uv", "run", "python", "-m") or re.match(r"[A-Z_]+=", words[0])):
        words.pop(0)
    if not words:
        return None
    if words[0] == "starter.py":
        return _explain_unknown_command([word for word in words[1:] if word != "--help"])
    if words[0] == "worker.py" or command.startswith(("uv run python -m", "python -m")):
        return _explain_unknown_program(words)
    return None


def _explain_unknown_command(words: list[str]) -> str | None:
    _, apps, arguments = build_command_line().parse_commands(words)
    if len(apps) < 2:
        return f"there is no command '{words[0]}'" if words else None
    strange = set(OPTION.findall(" ".join(arguments))) - _list_options(apps[-1])
    return f"{' '.join(words)}: there is no {', '.join(sorted(strange))}" if strange else None


def _list_options(app: App) -> set[str]:
    if app.default_command is None:
        return set()
    return {name for argument in app.assemble_argument_collection() for name in argument.names}


def _explain_unknown_program(words: list[str]) -> str | None:
    sources = _find_sources(words[0])
    if not sources:
        return f"there is no program '{words[0]}'"
    options = set(OPTION.findall(" ".join(words[1:]))) - {"--help"}
    strange = sorted(options - set(OPTION.findall("".join(file.read_text("utf-8") for file in sources))))
    return f"{words[0]}: there is no {', '.join(strange)}" if strange else None


def _find_sources(name: str) -> list[Path]:
    """Return a program's files, which name its options: not all of them answer `--help`."""
    if name.endswith(".py"):
        return [ROOT / name]
    module = ROOT.joinpath(*name.split("."))
    return (
        [*module.glob("*.py")] if module.is_dir() else [file for file in [module.with_suffix(".py")] if file.exists()]
    )
