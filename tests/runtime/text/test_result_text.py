"""The text printed after a run: never wrapped or cut in a file, broken between words on a terminal."""

import io

from quire.outcome import Usage
from quire.progress import BatchCounts, FailedSlot, Group, Result
from runtime.text.result_text import print_result
from runtime.text.terminal import TextConsole

FILES = {"artifact": "/somewhere/runs/" + "a-long-id-" * 12 + "/artifact.json", "report": "runs/x/report.html"}


def make_result(**changes: object) -> Result:
    usual = {
        "workflow_id": "eval-" + "x" * 60,
        "recipe": "eval_dataset",
        "verdict": "partial",
        "target": 100,
        "items": 85,
        "artifact": FILES["artifact"],
        "noun": "cases",
        "batches": BatchCounts(planned=10, completed=9, failed=1),
        "rounds": 2,
        "usage": Usage(calls=12, prompt_tokens=12_000, completion_tokens=34_000, cost_usd=0.5),
        "group_word": "Category",
        "groups": [
            Group(name="refunds", target=50, items=50),
            Group(name="delivery", target=50, items=35, failed=15, duplicates_rejected=3),
        ],
        "warnings": ["the answer said \x1b[31mred"],
        "failed_slots": [FailedSlot(slot=f"delivery/{n}", reason="missing:" + " words" * 40) for n in range(15)],
        "failed_total": 15,
        "seconds": 75.0,
    }
    return Result.model_validate(usual | changes)


def render_result(result: Result, width: int, *, terminal: bool = False) -> str:
    sink = io.StringIO()
    console = TextConsole(file=sink, width=width, force_terminal=terminal, color_system=None)
    print_result(result, FILES, "http://127.0.0.1:8233/x", console=console)
    return sink.getvalue()


def test_output_to_a_file_never_wraps_ids_and_addresses():
    text = render_result(make_result(), 80)
    assert FILES["artifact"] in text and "missing:" + " words" * 40 in text
    assert text == render_result(make_result(), 200) and "\x1b" not in text
    assert [row.split() for row in text.splitlines() if row.startswith("delivery  ")] == [
        ["delivery", "35", "of", "50", "15", "3"]
    ]


def test_output_to_a_terminal_breaks_lines_between_words():
    for width in (80, 200):
        rows = render_result(make_result(), width, terminal=True).splitlines()
        unbroken = [row for row in rows if FILES["artifact"] in row or "uv run starter.py" in row]
        assert [row for row in rows if len(row) > width and row not in unbroken] == []
        id = make_result().workflow_id
        assert (
            any(f"uv run starter.py retry-failed {id}" in row for row in unbroken) and FILES["artifact"] in unbroken[0]
        )


def test_the_first_ten_missing_slots_are_listed_with_the_command_that_lists_all():
    text, id = render_result(make_result(), 80), make_result().workflow_id
    assert text.count("delivery/") == 11 and "… and 5 more" in text and f"uv run starter.py failed {id}" in text
    assert f"uv run starter.py retry-failed {id}" in text and f"uv run starter.py explain {id} delivery/0" in text


def test_of_many_groups_only_incomplete_ones_are_listed():
    groups = [Group(name=f"topic {n}", target=10, items=10 if n != 400 else 3) for n in range(500)]
    text = render_result(make_result(groups=groups), 80)
    assert "topic 400" in text and "… 480 more, all complete" in text and len(text.splitlines()) < 60
