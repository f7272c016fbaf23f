"""`uv run python -m tests.docs.refresh [PAGE …]`: what commands print, written anew into the pages, from real runs."""

import sys
import tempfile
from pathlib import Path

from tests.conftest import ROOT
from tests.docs.acting import Scene, acted
from tests.docs.compare import renewed
from tests.docs.page import PAGES
from tests.docs.stage import staged


def refreshed(page: Path) -> tuple[list[Scene], list[Scene]]:
    """Write what has changed into a page. Returns the commands whose output is new, and those that do not work."""
    with tempfile.TemporaryDirectory(prefix="quire-") as folder, staged(Path(folder)) as stage:
        scenes = list(acted(page, stage))
    broken = [scene for scene in scenes if scene.failed]
    told = [scene for scene in scenes if scene.differs and not scene.failed]
    lines = page.read_text("utf-8").splitlines()
    for scene in reversed(told):
        first = scene.step.row + len(scene.step.command.splitlines())
        lines[first : first + len(scene.step.shown)] = renewed(scene.step.shown, scene.came)
    page.write_text("\n".join(lines) + "\n", "utf-8")
    return told, broken


def main(names: list[str]) -> int:
    """Refresh these pages, or all."""
    failed = False
    for page in [Path(name).resolve() for name in names] or PAGES:
        told, broken = refreshed(page)
        for scene in told:
            print(f"{page.relative_to(ROOT)}:{scene.step.row + 1}: new output of `{scene.step.command}`")
        for scene in broken:
            print(f"{page.relative_to(ROOT)}:{scene.step.row + 1}: {scene.failed}")
        failed = failed or bool(broken)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
