"""`init`: a request by asking, or from flags."""

import json
from pathlib import Path

import pytest

from runtime.cli.init_command import init
from runtime.cli.recipe_commands import EXAMPLES
from runtime.request.editor_modeline import ROOT, SCHEMA, modeline
from runtime.request.request_file import load
from tests.conftest import URS
from tests.runtime.conftest import last
from tests.runtime.terminals import Program

RECIPES = ["oq_suite", "topic_dataset", "topic_tree", "drill_series", "eval_dataset", "roadmap", "custom"]


@pytest.fixture
def away(shell, tmp_path):
    """A folder of one's own, with a specification in it."""
    shell.cwd = tmp_path
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "mine.md").write_text(URS.read_text())
    return shell


def test_flags_write_a_request_that_checks_and_runs_and_nothing_is_asked(away, tmp_path):
    words = ["init", "--recipe", "oq_suite", "--input", "urs=docs/mine.md", "--target", "11", "--model", "gpt-4o"]
    made = away(*words, "--out", "requests/mine.yaml")
    assert made.returncode == 0, made.stderr
    assert "11 tests in 2 batch(es) with gpt-4o" in made.stdout
    assert "uv run starter.py run requests/mine.yaml" in made.stdout
    text = (tmp_path / "requests" / "mine.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=") and "  urs: ../docs/mine.md " in text
    assert "# tries of one test's content" in text, "its comments are gone"
    assert "  name: gpt-4o\n" in text
    assert last(away("run", "requests/mine.yaml", "--json").stdout)["items"] == 11
    again = away(*words, "--out", "requests/mine.yaml")
    assert again.returncode == 2 and "is there already" in again.stderr and "--force" in again.stderr
    assert (tmp_path / "requests" / "mine.yaml").read_text() == text


async def test_a_request_of_each_recipe_is_written_and_checks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "new" / "request.yaml"
    for recipe in RECIPES:
        assert await init(recipe=recipe, out=Path("new/request.yaml"), force=True) == 0
        text = file.read_text()
        assert f"recipe: {recipe}\n" in text and "NAME" not in text
        example = EXAMPLES / f"{recipe}.yaml"
        if example.exists():
            assert len(load(file).plan.slots) == len(load(example).plan.slots)
    assert load(file).plan.recipe.noun == "riddles"  # the last one, which people change into their own


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say --recipe"),
        (["--recipe", "poem"], "there are: oq_suite"),
        (["--recipe", "oq_suite", "--input", "urs=none.md"], "there is no file"),
        (["--recipe", "oq_suite", "--input", "gamp_category=2"], "GAMP category is 1, 3, 4 or 5"),
        (["--recipe", "oq_suite", "--input", "gamp_category"], "write it as field=value"),
        (["--recipe", "oq_suite", "--input", "gamb=5"], "unknown field"),
        (["--recipe", "oq_suite", "--target", "0"], "target"),
        (["--recipe", "oq_suite", "--out", "docs/mine.md"], "is there already"),
        (["--recipe", "oq_suite", "--out", "docs/mine.md/x.yaml"], "cannot be written"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_written(away, tmp_path, words, said):
    before = (tmp_path / "docs" / "mine.md").read_text()
    ended = away("init", *words)
    assert ended.returncode == 2 and said in ended.stderr and "Traceback" not in ended.stderr, ended.stderr
    assert not (tmp_path / "request.yaml").exists() and (tmp_path / "docs" / "mine.md").read_text() == before


def test_questions_have_defaults_and_a_wrong_answer_is_asked_again_with_the_reason(away, tmp_path):
    (tmp_path / "request.yaml").write_text("here: already\n")
    with Program(away, "init") as program:
        for asked, answer in (
            ("recipe, by number or name [1]: ", "poem"),
            ("there is no recipe 'poem'", ""),
            ("write it to [request.yaml]: ", ""),
            ("is there already", "mine.yaml"),
            ("urs, the user requirements specification", "none.md"),
            ("there is no file", "docs/mine.md"),
            ("gamp_category, GAMP 5 software category: 1, 3, 4 or 5 [5]: ", "2"),
            ("GAMP category is 1, 3, 4 or 5", "4"),
            ("how many tests [25]: ", "many"),
            ("say a number from 1", "12"),
            ("model, as its endpoint knows it [o3-mini]: ", ""),
        ):
            program.answer(asked, answer)
        assert program.ended() == 0 and "run it" in program.seen
    plan = json.loads(away("check", "mine.yaml", "--json").stdout)
    assert (plan["target"], plan["model"]) == (12, "o3-mini")
    text = (tmp_path / "mine.yaml").read_text()
    assert "urs: docs/mine.md" in text and "gamp_category: 4 " in text
    assert (tmp_path / "request.yaml").read_text() == "here: already\n"


def test_answers_that_end_write_nothing(away, tmp_path):
    with Program(away, "init") as program:
        program.answer("recipe, by number or name", "roadmap")
        program.answer("write it to", "\x04")
        assert program.ended() == 2 and "nothing was written" in program.seen and "Traceback" not in program.seen
    assert not (tmp_path / "request.yaml").exists()


def test_the_modeline_leads_to_the_schema(tmp_path):
    assert modeline(ROOT / "examples" / "x.yaml") == "# yaml-language-server: $schema=./request.schema.json"
    assert modeline(tmp_path / "x.yaml") == f"# yaml-language-server: $schema={SCHEMA.as_posix()}"
