"""A page of Markdown as the tests read it: its fenced blocks, and the commands in them."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runtime.paths import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROMPT, MORE = "$ ", "> "
RUN_LANGUAGES = ("console", "sh")
FENCE = re.compile(r"^(\s*)```(\S*)[ ]*(.*)$")
COMMAND_LINE = re.compile(r"^(\$ |uvx? |python3? |export |temporal |\S+=\S+ uv )")
"""The beginning of an indented line that should be in a fence."""


@dataclass(frozen=True)
class Step:
    """A command with the output that the page shows for it."""

    row: int
    command: str
    shown: Sequence[str] = ()


@dataclass
class Block:
    """A fenced block. `row` is the number of its first line inside, from 0; `words` is what follows the language."""

    row: int
    language: str
    words: str
    lines: list[str] = field(default_factory=list)

    @property
    def elsewhere(self) -> str | None:
        """Why the block cannot run here, if the page says so."""
        return self.words.removeprefix("elsewhere:").strip() if self.words.startswith("elsewhere:") else None

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    def steps(self) -> list[Step]:
        """Return the block's commands: those after a prompt, or each of a script."""
        return list(self._console_steps() if self.language == "console" else self._script_steps())

    def _console_steps(self) -> Iterator[Step]:
        at = 0
        while at < len(self.lines):
            assert self.lines[at].startswith(PROMPT), f"row {self.row + at + 1}: a console block begins with `$ `"
            row, command = self.row + at, [self.lines[at].removeprefix(PROMPT)]
            at += 1
            while (
                at < len(self.lines) and not is_complete_script("\n".join(command)) and self.lines[at].startswith(MORE)
            ):
                command.append(self.lines[at].removeprefix(MORE))
                at += 1
            begin = at
            while at < len(self.lines) and not self.lines[at].startswith(PROMPT):
                at += 1
            yield Step(row, "\n".join(command), self.lines[begin:at])

    def _script_steps(self) -> Iterator[Step]:
        gathered: list[str] = []
        for row, line in enumerate(self.lines, self.row):
            gathered.append(line)
            if is_complete_script("\n".join(gathered)):
                if any(part.strip() and not part.lstrip().startswith("#") for part in gathered):
                    yield Step(row - len(gathered) + 1, "\n".join(gathered))
                gathered = []
        assert not gathered, f"row {self.row + len(self.lines)}: not a whole command: {gathered[0]}"


def is_complete_script(script: str) -> bool:
    """Return whether bash takes the script as complete and well formed."""
    return not script.endswith("\\") and not _bash_errors(script)


def _bash_errors(script: str) -> str:
    ended = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, timeout=20, check=False)
    return ended.stderr


def read_blocks(page: Path) -> list[Block]:
    """Return all fenced blocks of a page."""
    blocks: list[Block] = []
    inside: Block | None = None
    for row, line in enumerate(page.read_text("utf-8").splitlines()):
        fence = FENCE.match(line)
        if fence and inside is None:
            inside = Block(row + 1, fence[2], fence[3])
        elif fence and inside is not None:
            blocks.append(inside)
            inside = None
        elif inside is not None:
            inside.lines.append(line)
    assert inside is None, f"{page.name}: a fence is not closed"
    return blocks


def find_unfenced_commands(page: Path) -> list[str]:
    """Return commands in indented blocks, which no test would run."""
    fenced = {row for block in read_blocks(page) for row in range(block.row, block.row + len(block.lines))}
    lines = enumerate(page.read_text("utf-8").splitlines())
    return [
        f"{page.name}:{row + 1}: {line.strip()}"
        for row, line in lines
        if row not in fenced and line.startswith("    ") and COMMAND_LINE.match(line.strip())
    ]


def find_inline_commands(page: Path) -> list[str]:
    """Return Quire's commands in the text, between backticks."""
    text = "\n".join(line for line in page.read_text("utf-8").splitlines() if not line.startswith("    "))
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    codes = (" ".join(match.split()) for match in re.findall(r"`([^`]+)`", text))
    return [code for code in codes if re.match(r"(uv run )?(starter\.py|worker\.py|python -m) ", code)]
