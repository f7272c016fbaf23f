"""The README and each page of docs/, as a reader follows them."""

import re
import tempfile
from pathlib import Path

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from quire.request import Request
from runtime.request import request_file
from tests.conftest import ROOT
from tests.docs.acting import acted, is_file
from tests.docs.known import commands, unknown
from tests.docs.page import PAGES, RUN, Block, blocks, inline, is_whole, unfenced
from tests.docs.stage import staged

REASONS = {
    "another machine": "two of them do this in tests/runtime/test_two_hosts.py",
    "the tests themselves": "this is one of them",
    "Temporal Cloud": "needs an account there",
    "an MLflow server": "there is one in tests/workflows/test_mlflow.py, which does this",
}
"""Why a block may be marked ```` ```sh elsewhere: REASON ````, and nothing else is a reason."""
RUNNABLE = [page for page in PAGES if any(block.language in RUN and block.elsewhere is None for block in blocks(page))]
LANGUAGES = {"console", "sh", "python", "yaml", "toml", "json", "markdown", "text", ""}


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


named = pytest.mark.parametrize("page", PAGES, ids=name)


@pytest.mark.parametrize("page", RUNNABLE, ids=name)
@pytest.mark.timeout(300)
def test_a_page_s_commands_work_and_print_what_it_shows(page):
    with tempfile.TemporaryDirectory(prefix="quire-") as folder, staged(Path(folder)) as stage:
        for scene in acted(page, stage):
            where = f"{page.name}:{scene.step.row + 1}: "
            assert not scene.failed, where + scene.failed
            assert not scene.differs, f"{where}{scene.differs}\n(uv run python -m tests.docs.refresh {name(page)})"


@named
def test_what_cannot_be_run_here_is_well_formed_and_there_is_a_reason(page):
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{page.name}:{block.row}: ```{block.language}"
        if block.elsewhere is None:
            continue
        assert block.elsewhere in REASONS, f"{page.name}:{block.row}: {block.elsewhere}"
        assert is_whole(block.text), f"{page.name}:{block.row}: not a whole command"
        for step in block.steps():
            for line in step.command.replace("\\\n", " ").splitlines():
                assert not (said := unknown(line.rstrip(" &"))), f"{page.name}:{step.row + 1}: {said}"


@named
def test_commands_in_the_text_exist_with_their_options(page):
    assert [said for code in inline(page) if (said := unknown(code))] == []


@named
def test_no_command_stands_where_nobody_runs_it(page):
    assert unfenced(page) == [], "put it into a ```console or ```sh block: see CONTRIBUTING.md"


def test_the_readme_names_every_command():
    table = {
        word for row in (ROOT / "README.md").read_text("utf-8").splitlines() for word in re.findall(r"`[^`]+`", row)
    }
    said = {re.sub(r"^uv run starter.py ", "", word.strip("`")).partition(" ")[0] for word in table}
    assert commands() - said == set()


def test_the_readme_s_tables_name_no_command_or_option_that_there_is_not():
    section = (ROOT / "README.md").read_text("utf-8").partition("\n## Commands\n")[2].partition("\n## ")[0]
    named = [
        word for row in re.findall(r"^\| (`.+?) \|", section, flags=re.M) for word in re.findall(r"`([^`]+)`", row)
    ]
    assert "run" in {word.partition(" ")[0] for word in named}
    said = (unknown(word if word.startswith("uv run") else f"starter.py {word}") for word in named)
    assert [word for word in said if word] == []


def test_the_index_names_every_page():
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    pages = {page.name for page in PAGES if page.parent.name == "docs"} - {"README.md"}
    assert {name for name in pages if f"({name})" not in index} == set()


@named
def test_links_lead_somewhere(page):
    text = page.read_text("utf-8")
    for link, place in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", text):
        target = (page.parent / link).resolve() if link else page
        assert target.exists(), f"{page.name}: {link}"
        assert not place or place in anchors(target), f"{page.name}: {link}#{place}"


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@named
def test_requests_and_parts_of_requests_are_valid(page):
    for block in blocks(page):
        if block.language == "yaml" and not is_file(block) and block.words != "elsewhere: not a request":
            said = YAML(typ="safe").load(block.text)
            try:
                _check(block, said)
            except (ValidationError, request_file.SetupError) as error:
                pytest.fail(f"{page.name}:{block.row}: {error}")


def _check(block: Block, said: dict) -> None:
    """A whole request is laid out as if it lay in `examples/`; a part must fit into one."""
    if "recipe" in said:
        request_file.checked(said, ROOT / "examples")
    else:
        Request.model_validate({"recipe": "roadmap", "inputs": {"target_role": "x"}} | said)
