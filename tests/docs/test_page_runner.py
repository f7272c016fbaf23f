"""Pages that are wrong on purpose: what the pages' test reports of them."""

from pathlib import Path

import pytest

from tests.docs.bash_session import BashSession
from tests.docs.markdown_page import find_unfenced_commands, read_blocks
from tests.docs.named_commands import explain_unknown
from tests.docs.output_comparison import is_same_output, renew_output
from tests.docs.page_runner import run_page
from tests.docs.refresh import refresh_page
from tests.docs.repository_copy import READER_PATH, open_copy


@pytest.fixture
def page(tmp_path):
    def write(text: str) -> Path:
        file = tmp_path / "page.md"
        file.write_text(text)
        return file

    return write


@pytest.mark.parametrize(
    ("output", "printed"),
    [
        ("run oq-urs-7f3a", "run oq-urs-0b1c"),
        ("took 2.2 s at 10:02", "took 0.4 s at 23:59:01"),
        ("│ a  │\n└──┘", "│ a      │\n└──────────┘"),
        ("http://127.0.0.1:8233/x", "http://127.0.0.1:21077/x"),
        ("first\n...\nlast", "first\nlast"),
        ("first\n...\nlast", "first\none\ntwo\nlast"),
        ("found ... of 3", "found 2 of 3"),
    ],
)
def test_output_that_varies_between_runs_is_accepted(output, printed):
    assert is_same_output(output.splitlines(), printed.splitlines())


@pytest.mark.parametrize(
    ("output", "printed"),
    [("25 of 25", "24 of 25"), ("first\n...\nlast", "first\none"), ("a", "a\nb"), ("", "error"), ("a.b", "axb")],
)
def test_output_that_must_not_vary_is_rejected(output, printed):
    assert not is_same_output(output.splitlines(), printed.splitlines())


def test_numbers_may_vary_in_blocks_marked_roughly():
    assert is_same_output(["53/120 samples"], ["7/120 samples"], roughly=True)
    assert not is_same_output(["53/120 samples"], ["53/120 items"], roughly=True)


def test_renewed_output_keeps_the_lines_before_and_after_the_gap():
    assert renew_output(["a", "...", "z"], ["A", "b", "c", "Z", ""]) == ["A", "...", "Z"]
    assert renew_output(["a", "...", "z"], ["A", "Z"]) == ["A", "Z"]
    assert renew_output(["...", "m", "..."], ["A", "M"]) == ["A", "M"]


def test_a_bash_session_keeps_its_state_and_ends_its_processes(tmp_path):
    shell = BashSession(tmp_path, {"PATH": "/usr/bin:/bin"})
    try:
        assert shell.run("export A=1; cd /") == ([], 0)
        assert shell.run("echo $A; pwd; false") == (["1", "/"], 1)
        assert shell.run("echo $?; cat") == (["1"], 0)
        (pid,), _ = shell.run("sleep 300 & echo $!")
        with pytest.raises(AssertionError, match="did not end within"):
            shell.run("sleep 300", 0.2)
    finally:
        shell.close()
    assert not Path(f"/proc/{pid}").exists()


def test_blocks_are_split_into_commands_as_bash_would(page):
    file = page(
        "```sh\n# said\nA=1 \\\n  B=2\nif true; then\n  echo x\nfi\n```\n```console\n$ echo a\na\n$ true\n```\n"
    )
    script, console = read_blocks(file)
    assert [step.command for step in script.steps()] == ["A=1 \\\n  B=2", "if true; then\n  echo x\nfi"]
    assert [(step.row, step.command, list(step.shown)) for step in console.steps()] == [
        (9, "echo a", ["a"]),
        (11, "true", []),
    ]


def test_wrong_output_and_failed_commands_of_a_page_are_reported(page, tmp_path):
    file = page(
        "```yaml a.yaml\nrecipe: x\n```\n"
        "```console\n$ cat a.yaml\nrecipe: y\n$ pwd\n"
        + READER_PATH
        + "\n$ false\n$ echo $?\n1\n```\n```sh\nfalse\n```\n"
    )
    with open_copy(tmp_path / "stage") as stage:
        scenes = list(run_page(file, stage))
    assert [bool(scene.difference) for scene in scenes] == [True, False, False, False, False]
    assert [bool(scene.failure) for scene in scenes] == [False, False, False, False, True]


def test_refresh_corrects_wrong_output_and_keeps_the_rest(page):
    file = page("```console\n$ echo 7 items in 3 s\n7 items in 2 s\n$ seq 4\n1\n...\n9\n$ false\nno\n```\nEnd.\n")
    changed, broken = refresh_page(file)
    assert ([command.step.command for command in changed], [command.step.command for command in broken]) == (
        ["seq 4"],
        ["false"],
    )
    assert file.read_text() == (
        "```console\n$ echo 7 items in 3 s\n7 items in 2 s\n$ seq 4\n1\n...\n4\n$ false\nno\n```\nEnd.\n"
    )


def test_a_failing_page_is_reported_with_its_logs(tmp_path):
    with pytest.raises(AssertionError) as raised, open_copy(tmp_path / "stage") as stage:
        stage.run("echo it was here > worker.log")
        raise AssertionError("a page that is not true")
    assert raised.value.__notes__ == ["worker.log: it was here"]


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("uv run starter.py runn x.yaml", "runn"),
        ("uv run starter.py run x.yaml --sett a=1", "--sett"),
        ("uv run worker.py --process 4", "--process,"),
        ("uv run python -m benchmarks.nothing", "benchmarks.nothing"),
        ("starter.py topics build --topik T", "--topik"),
    ],
)
def test_an_unknown_command_or_option_is_reported(command, word):
    assert word in f"{explain_unknown(command)},"


@pytest.mark.parametrize("command", ["uv run starter.py run REQUEST [--id ID]", "uv run worker.py --processes 4"])
def test_an_existing_command_is_accepted(command):
    assert explain_unknown(command) is None


def test_a_command_in_an_indented_block_is_reported(page):
    assert find_unfenced_commands(page("Do this:\n\n    uv run starter.py up\n\n```sh\n    export A=1\n```\n")) == [
        "page.md:3: uv run starter.py up"
    ]
