"""What the pages' test would say of pages that are not true."""

from pathlib import Path

import pytest

from tests.docs.acting import acted
from tests.docs.compare import agrees, renewed
from tests.docs.known import unknown
from tests.docs.page import blocks, unfenced
from tests.docs.refresh import refreshed
from tests.docs.stage import READER, staged
from tests.docs.terminal import Terminal


@pytest.fixture
def page(tmp_path):
    def write(text: str) -> Path:
        made = tmp_path / "page.md"
        made.write_text(text)
        return made

    return write


@pytest.mark.parametrize(
    ("shown", "came"),
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
def test_what_must_vary_may(shown, came):
    assert agrees(shown.splitlines(), came.splitlines())


@pytest.mark.parametrize(
    ("shown", "came"),
    [("25 of 25", "24 of 25"), ("first\n...\nlast", "first\none"), ("a", "a\nb"), ("", "error"), ("a.b", "axb")],
)
def test_what_must_not_vary_may_not(shown, came):
    assert not agrees(shown.splitlines(), came.splitlines())


def test_numbers_vary_where_the_page_says_so():
    assert agrees(["53/120 samples"], ["7/120 samples"], roughly=True)
    assert not agrees(["53/120 samples"], ["53/120 items"], roughly=True)


def test_new_output_keeps_the_ends_that_the_page_shows():
    assert renewed(["a", "...", "z"], ["A", "b", "c", "Z", ""]) == ["A", "...", "Z"]
    assert renewed(["a", "...", "z"], ["A", "Z"]) == ["A", "Z"]
    assert renewed(["...", "m", "..."], ["A", "M"]) == ["A", "M"]


def test_a_shell_keeps_what_was_set_and_ends_what_was_left(tmp_path):
    shell = Terminal(tmp_path, {"PATH": "/usr/bin:/bin"})
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


def test_commands_are_taken_apart_as_bash_would(page):
    made = page(
        "```sh\n# said\nA=1 \\\n  B=2\nif true; then\n  echo x\nfi\n```\n```console\n$ echo a\na\n$ true\n```\n"
    )
    script, console = blocks(made)
    assert [step.command for step in script.steps()] == ["A=1 \\\n  B=2", "if true; then\n  echo x\nfi"]
    assert [(step.row, step.command, list(step.shown)) for step in console.steps()] == [
        (9, "echo a", ["a"]),
        (11, "true", []),
    ]


def test_a_page_that_is_not_true_is_told(page, tmp_path):
    made = page(
        "```yaml a.yaml\nrecipe: x\n```\n"
        "```console\n$ cat a.yaml\nrecipe: y\n$ pwd\n" + READER + "\n$ false\n$ echo $?\n1\n```\n```sh\nfalse\n```\n"
    )
    with staged(tmp_path / "stage") as stage:
        scenes = list(acted(made, stage))
    assert [bool(scene.differs) for scene in scenes] == [True, False, False, False, False]
    assert [bool(scene.failed) for scene in scenes] == [False, False, False, False, True]


def test_a_page_is_made_true_by_a_refresh_and_what_is_true_stays(page):
    made = page("```console\n$ echo 7 items in 3 s\n7 items in 2 s\n$ seq 4\n1\n...\n9\n$ false\nno\n```\nEnd.\n")
    told, broken = refreshed(made)
    assert ([one.step.command for one in told], [one.step.command for one in broken]) == (["seq 4"], ["false"])
    assert made.read_text() == (
        "```console\n$ echo 7 items in 3 s\n7 items in 2 s\n$ seq 4\n1\n...\n4\n$ false\nno\n```\nEnd.\n"
    )


def test_where_a_page_fails_its_logs_are_told(tmp_path):
    with pytest.raises(AssertionError) as told, staged(tmp_path / "stage") as stage:
        stage.run("echo it was here > worker.log")
        raise AssertionError("a page that is not true")
    assert told.value.__notes__ == ["worker.log: it was here"]


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
def test_a_command_that_there_is_not_is_told(command, word):
    assert word in f"{unknown(command)},"


@pytest.mark.parametrize("command", ["uv run starter.py run REQUEST [--id ID]", "uv run worker.py --processes 4"])
def test_a_command_that_there_is_is_not(command):
    assert unknown(command) is None


def test_an_indented_command_is_told(page):
    assert unfenced(page("Do this:\n\n    uv run starter.py up\n\n```sh\n    export A=1\n```\n")) == [
        "page.md:3: uv run starter.py up"
    ]
