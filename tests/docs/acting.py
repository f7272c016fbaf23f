"""A page acted out: its files written, its commands run, and what came set beside what it shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.docs.compare import agrees
from tests.docs.page import RUN, Block, Step, blocks
from tests.docs.stage import Stage

ASKS = "echo $?"
"""The command after one that may fail: the page shows its exit status."""


@dataclass(frozen=True)
class Scene:
    """One command that was run."""

    block: Block
    step: Step
    came: list[str]
    failed: str | None
    """How it failed, in words, or None."""

    @property
    def differs(self) -> str | None:
        """How what came is not what the page shows, in words, or None."""
        if self.block.language != "console" or agrees(
            self.step.shown, self.came, roughly=self.block.words == "roughly"
        ):
            return None
        shown, said = "\n".join(self.step.shown), "\n".join(self.came)
        return f"`{self.step.command}` is shown with\n{shown}\nbut printed\n{said}"


def acted(page: Path, stage: Stage) -> Iterator[Scene]:
    """Run a page from top to bottom: write the files that it names, run what is in `console` and `sh`."""
    for block in blocks(page):
        if block.language not in RUN:
            if is_file(block):
                stage.write(block.words, block.text)
            continue
        if block.elsewhere is not None:
            continue
        steps = block.steps()
        for number, step in enumerate(steps):
            asked = number + 1 < len(steps) and steps[number + 1].command.strip() == ASKS
            came, status = stage.run(step.command)
            failed = None if asked or not status else f"`{step.command}` ended with {status}:\n" + "\n".join(came)
            yield Scene(block, step, came, failed)


def is_file(block: Block) -> bool:
    """Whether the page gives the block a file's name."""
    return "." in block.words and " " not in block.words
