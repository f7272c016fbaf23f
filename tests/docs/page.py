"""A page of Markdown as the test sees it: its fenced blocks, and the commands in them."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROMPT, MORE = "$ ", "> "
RUN = ("console", "sh")
FENCE = re.compile(r"^(\s*)```(\S*)[ ]*(.*)$")
LOOKS_LIKE_ONE = re.compile(r"^(\$ |uvx? |python3? |export |temporal |\S+=\S+ uv )")
"""How an indented line begins that ought to be in a fence."""


@dataclass(frozen=True)
class Step:
    """One command with what the page says that it prints."""

    row: int
    command: str
    shown: Sequence[str] = ()


@dataclass
class Block:
    """One fenced block. `row` is that of its first line inside, from 0; `words` is what follows the language."""

    row: int
    language: str
    words: str
    lines: list[str] = field(default_factory=list)

    @property
    def elsewhere(self) -> str | None:
        """Why it cannot run here, where the page says so."""
        return self.words.removeprefix("elsewhere:").strip() if self.words.startswith("elsewhere:") else None

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    def steps(self) -> list[Step]:
        """Its commands: those after a prompt, or each of a script."""
        return list(self._typed() if self.language == "console" else self._script())

    def _typed(self) -> Iterator[Step]:
        at = 0
        while at < len(self.lines):
            assert self.lines[at].startswith(PROMPT), f"row {self.row + at + 1}: a console block begins with `$ `"
            row, command = self.row + at, [self.lines[at].removeprefix(PROMPT)]
            at += 1
            while at < len(self.lines) and not is_whole("\n".join(command)) and self.lines[at].startswith(MORE):
                command.append(self.lines[at].removeprefix(MORE))
                at += 1
            begin = at
            while at < len(self.lines) and not self.lines[at].startswith(PROMPT):
                at += 1
            yield Step(row, "\n".join(command), self.lines[begin:at])

    def _script(self) -> Iterator[Step]:
        gathered: list[str] = []
        for row, line in enumerate(self.lines, self.row):
            gathered.append(line)
            if is_whole("\n".join(gathered)):
                if any(part.strip() and not part.lstrip().startswith("#") for part in gathered):
                    yield Step(row - len(gathered) + 1, "\n".join(gathered))
                gathered = []
        assert not gathered, f"row {self.row + len(self.lines)}: not a whole command: {gathered[0]}"


def is_whole(script: str) -> bool:
    """Whether bash takes it as complete and well formed."""
    return not script.endswith("\\") and not _bash_complains(script)


def _bash_complains(script: str) -> str:
    ended = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, timeout=20, check=False)
    return ended.stderr


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    found: list[Block] = []
    inside: Block | None = None
    for row, line in enumerate(page.read_text("utf-8").splitlines()):
        fence = FENCE.match(line)
        if fence and inside is None:
            inside = Block(row + 1, fence[2], fence[3])
        elif fence and inside is not None:
            found.append(inside)
            inside = None
        elif inside is not None:
            inside.lines.append(line)
    assert inside is None, f"{page.name}: a fence is not closed"
    return found


def unfenced(page: Path) -> list[str]:
    """Commands in indented blocks, which nobody would run."""
    fenced = {row for block in blocks(page) for row in range(block.row, block.row + len(block.lines))}
    lines = enumerate(page.read_text("utf-8").splitlines())
    return [
        f"{page.name}:{row + 1}: {line.strip()}"
        for row, line in lines
        if row not in fenced and line.startswith("    ") and LOOKS_LIKE_ONE.match(line.strip())
    ]


def inline(page: Path) -> list[str]:
    """Commands of ours in the text, between backticks."""
    text = "\n".join(line for line in page.read_text("utf-8").splitlines() if not line.startswith("    "))
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    said = (" ".join(found.split()) for found in re.findall(r"`([^`]+)`", text))
    return [code for code in said if re.match(r"(uv run )?(starter\.py|worker\.py|python -m) ", code)]
