"""`uv run python -m tests.docs.refresh [PAGE …]`: writes the real output of commands into the pages."""

import sys
import tempfile
from pathlib import Path

from runtime.paths import ROOT
from tests.docs.markdown_page import PAGES
from tests.docs.output_comparison import renew_output
from tests.docs.page_runner import CommandRun, run_page
from tests.docs.repository_copy import open_copy


def refresh_page(page: Path) -> tuple[list[CommandRun], list[CommandRun]]:
    """Write new output into a page. Returns the commands whose output is new, and those that do not work."""
    with tempfile.TemporaryDirectory(prefix="quire-") as folder, open_copy(Path(folder)) as stage:
        scenes = list(run_page(page, stage))
    broken = [scene for scene in scenes if scene.failure]
    changed = [scene for scene in scenes if scene.difference and not scene.failure]
    lines = page.read_text("utf-8").splitlines()
    for scene in reversed(changed):
        first = scene.step.row + len(scene.step.command.splitlines())
        lines[first : first + len(scene.step.shown)] = renew_output(scene.step.shown, scene.output)
    page.write_text("\n".join(lines) + "\n", "utf-8")
    return changed, broken


def main(names: list[str]) -> int:
    """Refresh these pages, or all."""
    failed = False
    for page in [Path(name).resolve() for name in names] or PAGES:
        changed, broken = refresh_page(page)
        for scene in changed:
            print(f"{page.relative_to(ROOT)}:{scene.step.row + 1}: new output of `{scene.step.command}`")
        for scene in broken:
            print(f"{page.relative_to(ROOT)}:{scene.step.row + 1}: {scene.failure}")
        failed = failed or bool(broken)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
