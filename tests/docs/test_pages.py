"""The README and each page of docs/, as a reader follows them."""

import re
import tempfile
from pathlib import Path

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from quire.request import Request
from runtime.paths import ROOT
from runtime.request import request_file
from tests.docs.markdown_page import (
    PAGES,
    RUN_LANGUAGES,
    Block,
    find_inline_commands,
    find_unfenced_commands,
    is_complete_script,
    read_blocks,
)
from tests.docs.named_commands import explain_unknown, list_commands
from tests.docs.page_runner import is_named_file, run_page
from tests.docs.repository_copy import open_copy

REASONS = {
    "another machine": "two of them do this in tests/runtime/worker/test_two_hosts.py",
    "the tests themselves": "this is one of them",
    "Temporal Cloud": "needs an account there",
    "an MLflow server": "there is one in tests/activities/tracking/test_mlflow_logging.py, which does this",
}
"""Why a block may be marked ```` ```sh elsewhere: REASON ````, and nothing else is a reason."""
RUNNABLE = [
    page
    for page in PAGES
    if any(block.language in RUN_LANGUAGES and block.elsewhere is None for block in read_blocks(page))
]
LANGUAGES = {"console", "sh", "python", "yaml", "toml", "json", "markdown", "text", ""}


def relative_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


named = pytest.mark.parametrize("page", PAGES, ids=relative_name)


@pytest.mark.parametrize("page", RUNNABLE, ids=relative_name)
@pytest.mark.timeout(300)
def test_the_commands_of_a_page_work_and_print_what_it_shows(page):
    with tempfile.TemporaryDirectory(prefix="quire-") as folder, open_copy(Path(folder)) as stage:
        for scene in run_page(page, stage):
            where = f"{page.name}:{scene.step.row + 1}: "
            assert not scene.failure, where + scene.failure
            assert not scene.difference, (
                f"{where}{scene.difference}\n(uv run python -m tests.docs.refresh {relative_name(page)})"
            )


@named
def test_blocks_that_cannot_run_here_are_well_formed_and_have_a_reason(page):
    for block in read_blocks(page):
        assert block.language in LANGUAGES, f"{page.name}:{block.row}: ```{block.language}"
        if block.elsewhere is None:
            continue
        assert block.elsewhere in REASONS, f"{page.name}:{block.row}: {block.elsewhere}"
        assert is_complete_script(block.text), f"{page.name}:{block.row}: not a whole command"
        for step in block.steps():
            for line in step.command.replace("\\\n", " ").splitlines():
                assert not (problem := explain_unknown(line.rstrip(" &"))), f"{page.name}:{step.row + 1}: {problem}"


@named
def test_commands_named_in_the_text_exist_with_their_options(page):
    assert [problem for code in find_inline_commands(page) if (problem := explain_unknown(code))] == []


@named
def test_no_command_stands_in_an_indented_block(page):
    assert find_unfenced_commands(page) == [], "put it into a ```console or ```sh block: see CONTRIBUTING.md"


def test_the_readme_names_every_command():
    table = {
        word for row in (ROOT / "README.md").read_text("utf-8").splitlines() for word in re.findall(r"`[^`]+`", row)
    }
    named = {re.sub(r"^uv run starter.py ", "", word.strip("`")).partition(" ")[0] for word in table}
    assert list_commands() - named == set()


def test_every_command_and_option_in_the_readmes_tables_exists():
    section = (ROOT / "README.md").read_text("utf-8").partition("\n## Commands\n")[2].partition("\n## ")[0]
    named = [
        word for row in re.findall(r"^\| (`.+?) \|", section, flags=re.M) for word in re.findall(r"`([^`]+)`", row)
    ]
    assert "run" in {word.partition(" ")[0] for word in named}
    problems = (explain_unknown(word if word.startswith("uv run") else f"starter.py {word}") for word in named)
    assert [word for word in problems if word] == []


def test_the_index_names_every_page():
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    pages = {page.name for page in PAGES if page.parent.name == "docs"} - {"README.md"}
    assert {name for name in pages if f"({name})" not in index} == set()


@named
def test_links_between_pages_have_targets(page):
    text = page.read_text("utf-8")
    for link, place in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", text):
        target = (page.parent / link).resolve() if link else page
        assert target.exists(), f"{page.name}: {link}"
        assert not place or place in find_anchors(target), f"{page.name}: {link}#{place}"


def find_anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@named
def test_requests_and_parts_of_requests_are_valid(page):
    for block in read_blocks(page):
        if block.language == "yaml" and not is_named_file(block) and block.words != "elsewhere: not a request":
            content = YAML(typ="safe").load(block.text)
            try:
                _check_request(block, content)
            except (ValidationError, request_file.SetupError) as error:
                pytest.fail(f"{page.name}:{block.row}: {error}")


def _check_request(block: Block, content: dict) -> None:
    """Check a complete request as if it stood in `examples/`, or that a part fits into one."""
    if "recipe" in content:
        request_file.check_mapping(content, ROOT / "examples")
    else:
        Request.model_validate({"recipe": "roadmap", "inputs": {"target_role": "x"}} | content)
