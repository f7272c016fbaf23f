"""Runs a page: writes its files, runs its commands, and compares their output with what it shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.docs.markdown_page import RUN_LANGUAGES, Block, Step, read_blocks
from tests.docs.output_comparison import is_same_output
from tests.docs.repository_copy import RepositoryCopy

STATUS_COMMAND = "echo $?"
"""The command after one that may fail: the page shows its exit status."""


@dataclass(frozen=True)
class CommandRun:
    """A command of a page that was run."""

    block: Block
    step: Step
    output: list[str]
    failure: str | None
    """Why the command failed, in words, or None."""

    @property
    def difference(self) -> str | None:
        """How the output differs from what the page shows, in words, or None."""
        if self.block.language != "console" or is_same_output(
            self.step.shown, self.output, roughly=self.block.words == "roughly"
        ):
            return None
        output, printed = "\n".join(self.step.shown), "\n".join(self.output)
        return f"`{self.step.command}` is shown with\n{output}\nbut printed\n{printed}"


def run_page(page: Path, stage: RepositoryCopy) -> Iterator[CommandRun]:
    """Run a page from top to bottom: write the files that it names, run what is in `console` and `sh`."""
    for block in read_blocks(page):
        if block.language not in RUN_LANGUAGES:
            if is_named_file(block):
                stage.write(block.words, block.text)
            continue
        if block.elsewhere is not None:
            continue
        steps = block.steps()
        for number, step in enumerate(steps):
            asked = number + 1 < len(steps) and steps[number + 1].command.strip() == STATUS_COMMAND
            output, status = stage.run(step.command)
            failed = None if asked or not status else f"`{step.command}` ended with {status}:\n" + "\n".join(output)
            yield CommandRun(block, step, output, failed)


def is_named_file(block: Block) -> bool:
    """Return whether the page gives the block a file's name."""
    return "." in block.words and " " not in block.words
