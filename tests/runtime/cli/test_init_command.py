"""`init`: a request from questions or from options."""

import json
from pathlib import Path

import pytest

from runtime.cli.init_command import init
from runtime.paths import EXAMPLES
from runtime.request.editor_modeline import ROOT, SCHEMA, build_modeline
from runtime.request.request_file import load_request
from tests.support.pseudo_terminals import StarterProgram
from tests.support.requests import URS
from tests.support.shell import parse_last_line

RECIPES = ["oq_suite", "topic_dataset", "topic_tree", "drill_series", "eval_dataset", "roadmap", "custom"]


@pytest.fixture
def away(shell, tmp_path):
    """The command line in a folder of its own that holds a specification."""
    shell.cwd = tmp_path
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "mine.md").write_text(URS.read_text())
    return shell


def test_init_with_options_writes_a_valid_request_and_asks_nothing(away, tmp_path):
    words = ["init", "--recipe", "oq_suite", "--input", "urs=docs/mine.md", "--target", "11", "--model", "gpt-4o"]
    ended = away(*words, "--out", "requests/mine.yaml")
    assert ended.returncode == 0, ended.stderr
    assert "11 tests in 2 batch(es) with gpt-4o" in ended.stdout
    assert "uv run starter.py run requests/mine.yaml --allow-path docs\n" in ended.stdout
    text = (tmp_path / "requests" / "mine.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=") and "  urs: ../docs/mine.md " in text
    assert "# tries of one test's content" in text, "its comments are gone"
    assert "  name: gpt-4o\n" in text
    assert parse_last_line(away("run", "requests/mine.yaml", "--allow-path", "docs", "--json").stdout)["items"] == 11
    second = away(*words, "--out", "requests/mine.yaml")
    assert second.returncode == 2 and "already exists" in second.stderr and "--force" in second.stderr
    assert (tmp_path / "requests" / "mine.yaml").read_text() == text


async def test_init_writes_a_valid_request_for_each_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "new" / "request.yaml"
    for recipe in RECIPES:
        assert await init(recipe=recipe, out=Path("new/request.yaml"), force=True) == 0
        text = file.read_text()
        assert f"recipe: {recipe}\n" in text and "NAME" not in text
        example = EXAMPLES / f"{recipe}.yaml"
        if example.exists():
            assert len(load_request(file).plan.slots) == len(load_request(example).plan.slots)
    assert load_request(file).plan.recipe.noun == "riddles"  # the last one, which people change into their own


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give --recipe"),
        (["--recipe", "poem"], "known are: oq_suite"),
        (["--recipe", "oq_suite", "--input", "urs=none.md"], "there is no file"),
        (["--recipe", "oq_suite", "--input", "gamp_category=2"], "GAMP category is 1, 3, 4 or 5"),
        (["--recipe", "oq_suite", "--input", "gamp_category"], "write it as field=value"),
        (["--recipe", "oq_suite", "--input", "gamb=5"], "unknown field"),
        (["--recipe", "oq_suite", "--target", "0"], "target"),
        (["--recipe", "oq_suite", "--out", "docs/mine.md"], "already exists"),
        (["--recipe", "oq_suite", "--out", "docs/mine.md/x.yaml"], "cannot be written"),
    ],
)
def test_init_with_invalid_options_fails_and_writes_nothing(away, tmp_path, words, message):
    before = (tmp_path / "docs" / "mine.md").read_text()
    ended = away("init", *words)
    assert ended.returncode == 2 and message in ended.stderr and "Traceback" not in ended.stderr, ended.stderr
    assert not (tmp_path / "request.yaml").exists() and (tmp_path / "docs" / "mine.md").read_text() == before


def test_init_questions_have_defaults_and_an_invalid_answer_is_asked_again(away, tmp_path):
    (tmp_path / "request.yaml").write_text("here: already\n")
    with StarterProgram(away, "init") as program:
        for asked, answer in (
            ("recipe, by number or name [1]: ", "poem"),
            ("unknown recipe 'poem'", ""),
            ("write it to [request.yaml]: ", ""),
            ("already exists", "mine.yaml"),
            ("urs, the user requirements specification", "none.md"),
            ("there is no file", "docs/mine.md"),
            ("gamp_category, GAMP 5 software category: 1, 3, 4 or 5 [5]: ", "2"),
            ("GAMP category is 1, 3, 4 or 5", "4"),
            ("how many tests [25]: ", "many"),
            ("enter a whole number, 1 or more", "12"),
            ("model, by its name at the endpoint [o3-mini]: ", ""),
        ):
            program.answer(asked, answer)
        assert program.wait_for_exit() == 0 and "run it" in program.output
    plan = json.loads(away("check", "mine.yaml", "--json").stdout)
    assert (plan["target"], plan["model"]) == (12, "o3-mini")
    text = (tmp_path / "mine.yaml").read_text()
    assert "urs: docs/mine.md" in text and "gamp_category: 4 " in text
    assert (tmp_path / "request.yaml").read_text() == "here: already\n"


def test_init_writes_nothing_when_input_ends_early(away, tmp_path):
    with StarterProgram(away, "init") as program:
        program.answer("recipe, by number or name", "roadmap")
        program.answer("write it to", "\x04")
        assert (
            program.wait_for_exit() == 2
            and "nothing was written" in program.output
            and "Traceback" not in program.output
        )
    assert not (tmp_path / "request.yaml").exists()


def test_the_editor_modeline_names_the_schema(tmp_path):
    assert build_modeline(ROOT / "examples" / "x.yaml") == "# yaml-language-server: $schema=./request.schema.json"
    assert build_modeline(tmp_path / "x.yaml") == f"# yaml-language-server: $schema={SCHEMA.as_posix()}"
