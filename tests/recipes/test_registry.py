"""Recipes from installed packages, by the entry point `quire.recipes`."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from runtime.paths import ROOT
from tests.docs.markdown_page import read_blocks

PAGE = ROOT / "docs" / "your-own-recipe.md"
CODE = next(block.text for block in read_blocks(PAGE) if block.words == "haiku_recipe.py")
"""The recipe that the page shows is the one that is installed here."""


def build_wheel(folder: Path, code: str = CODE, entry: str = "haiku = haiku_recipe:Haiku") -> Path:
    """Build a package as an author would publish it."""
    file = folder / "haiku_recipe-1.0-py3-none-any.whl"
    info = "haiku_recipe-1.0.dist-info"
    parts = {
        "haiku_recipe.py": code,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: haiku-recipe\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[quire.recipes]\n{entry}\n",
    }
    record = "".join(f"{name},,\n" for name in [*parts, f"{info}/RECORD"])
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in (parts | {f"{info}/RECORD": record}).items():
            archive.writestr(name, text)
    return file


def run_starter(site: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "starter.py", *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(site), "COLUMNS": "150"} | env,
        capture_output=True,
        text=True,
        timeout=60,
    )


def install_recipe(folder: Path, **options: str) -> Path:
    site = folder / "site"
    command = ["uv", "pip", "install", "--quiet", "--no-deps", "--offline", "--target", str(site)]
    if subprocess.run(["uv", "--version"], capture_output=True, check=False).returncode:
        command = [sys.executable, "-m", "uv", *command[1:]]
    subprocess.run([*command, str(build_wheel(folder, **options))], check=True, timeout=60)
    return site


def test_a_package_adds_a_recipe(tmp_path):
    site = install_recipe(tmp_path)
    listed = json.loads(run_starter(site, "recipes", "--json").stdout)
    assert {"recipe": "haiku", "makes": "haiku", "what": "Haiku about seasons."} in listed
    output = run_starter(site, "recipes", "show", "haiku").stdout
    assert "season: text; needed; the season" in output and '"text"' in output and "recipe: haiku" in output
    request = tmp_path / "request.yaml"
    request.write_text("recipe: haiku\ninputs: {season: winter}\n")
    plan = json.loads(run_starter(site, "check", str(request), "--json").stdout)
    assert plan["target"] == 3 and plan["noun"] == "haiku"


def test_a_recipe_that_cannot_be_loaded_is_reported_by_name(tmp_path):
    ended = run_starter(install_recipe(tmp_path, code="import nothing_like_this\n"), "recipes")
    assert ended.returncode == 2 and "'haiku' (haiku_recipe:Haiku) cannot be loaded" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_package_cannot_take_the_name_of_a_built_in_recipe(tmp_path):
    ended = run_starter(install_recipe(tmp_path, entry="roadmap = haiku_recipe:Haiku"), "recipes")
    assert ended.returncode == 2 and "two recipes are called 'roadmap'" in ended.stderr
