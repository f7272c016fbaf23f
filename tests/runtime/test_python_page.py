"""The program in docs/python.md, as somebody pastes it."""

import subprocess
import sys

from tests.conftest import ROOT


def test_the_program_on_the_page_prints_the_roadmap(shell, tmp_path):
    page = (ROOT / "docs" / "python.md").read_text()
    program = page.partition("```python\n")[2].partition("```")[0]
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=shell.env | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert ended.stdout == "complete [1, 2, 3, 4]\n", ended.stderr
