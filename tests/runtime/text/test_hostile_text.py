"""Hostile text in every field of every surface of the terminal: it is shown as text, and steers nothing."""

import contextlib
import io
import json
import logging
import sys
from typing import Any

import pytest
from rich.table import Table

from quire.progress import FailedSlot, Group, Result
from runtime import logs
from runtime.cli import list_command, report_commands
from runtime.preview import preview_text
from runtime.session import live_screen, renderers, status_text
from runtime.session.run_view import RunView
from runtime.temporal.diagnosis import Diagnosis
from runtime.temporal.pending_calls import RetryingCalls
from runtime.text import console, plain_table
from runtime.text.guarded_streams import guard_output
from runtime.text.result_text import print_result
from runtime.text.terminal import TextConsole
from tests.support.hostile_texts import HOSTILE_TEXTS, find_control_characters
from tests.support.progress import sample_progress

EACH = pytest.mark.parametrize("text", HOSTILE_TEXTS)


def print_to_terminal(*things: Any) -> str:
    sink = io.StringIO()
    screen = TextConsole(file=sink, width=200, force_terminal=True, color_system="truecolor", legacy_windows=False)
    for thing in things:
        screen.print(thing)
    return sink.getvalue()


def expect_plain(output: str, *, is_terminal: bool = False) -> None:
    assert not find_control_characters(output, is_terminal=is_terminal), ascii(output)
    assert "\x1b]" not in output and "😄" not in output, ascii(output)


@EACH
def test_a_console_shows_markup_emoji_names_and_control_characters_as_text(text):
    table = Table(text, title=text)
    table.add_row(text)
    output = print_to_terminal(text, table)
    expect_plain(output, is_terminal=True)
    if text.isprintable():
        assert text in output


@EACH
def test_the_closing_text(text):
    result = Result.model_validate(
        {
            "workflow_id": text, "recipe": text, "verdict": "partial", "target": 9, "items": 5, "artifact": text,
            "noun": text, "batches": {"planned": 3}, "rounds": 2, "usage": {"calls": 1}, "group_word": text,
            "groups": [Group(name=text, target=5, items=5), Group(name=text + "2", target=4, failed=4)],
            "warnings": [text], "failed_slots": [FailedSlot(slot=text, reason=text)], "failed_total": 1, "seconds": 1.0,
        }
    )  # fmt: skip
    for is_terminal in (False, True):
        sink = io.StringIO()
        print_result(result, {text: text}, text, console=TextConsole(file=sink, width=90, force_terminal=is_terminal))
        expect_plain(sink.getvalue(), is_terminal=is_terminal)
        if text.startswith("["):
            assert sink.getvalue().count(text[:8]) >= 6


def make_view(text: str) -> RunView:
    progress = sample_progress(
        noun=text, why=text, stage="paused", group_word=text, groups=[Group(name=text, target=5)]
    )
    retrying = RetryingCalls(retried=3, reason=text)
    diagnosis = Diagnosis(kind="no worker", message=text)  # pyright: ignore[reportArgumentType]
    return RunView(text, progress, taken_at=1.0, retrying=retrying, diagnosis=diagnosis)


@EACH
def test_the_live_screen(text):
    output = print_to_terminal(live_screen.render_screen(make_view(text), 100))
    expect_plain(output, is_terminal=True)


@EACH
def test_lines_and_json_lines_of_a_watched_run(text, capsys):
    for renderer in (renderers.LineRenderer(), renderers.JsonLineRenderer()):
        renderer.render(make_view(text))
        renderer.render(RunView(text, make_view(text).progress, taken_at=1.0))
    output = capsys.readouterr()
    expect_plain(output.out + output.err)
    assert json.loads(output.out.splitlines()[0])["noun"] == text


@EACH
def test_the_status(text):
    usage = {"calls": 1, "prompt_tokens": 1, "completion_tokens": 1, "cost_usd": None}
    result = sample_progress(noun=text, why=text, group_word=text, groups=[Group(name=text, target=5)])
    fields = {
        "batch_states": [],
        "growing": {text: 3},
        "rate_limit": text,
        "stuck": "",
        "retried": 2,
        "models": {text: usage},
    }
    status = result.model_dump(mode="json") | fields | {"workflow_id": text, "status": text, "retried_because": text}
    sink = io.StringIO()
    with contextlib.redirect_stdout(sink), guard_output():
        print("\n".join(status_text.format_status(status)))
        print("\n".join(status_text.format_status({"workflow_id": text, "status": text, "error": text})))
    expect_plain(sink.getvalue())


@EACH
def test_json_is_escaped_and_loses_nothing(text, capsys):
    console.print_json({text: [text]})
    console.print_json_line({text: [text]})
    first, last = capsys.readouterr().out.rsplit("\n", 2)[:2]
    expect_plain(first + last)
    assert json.loads(first) == json.loads(last) == {text: [text]}


@EACH
def test_list_compare_and_plain_tables(text, capsys):
    row = dict.fromkeys(("workflow_id", "state", "recipe", "why", "verdict"), text)
    figures = {"target": 5, "items": 1, "percent": 20, "age_seconds": 5, "cost_usd": None, "simulated": None}
    list_command._print_rows([row | figures], 0)  # pyright: ignore[reportPrivateUsage]
    line = report_commands.comparison.ComparedValue(text, text, text)
    report_commands._print_comparison((text, text, text), [line])  # pyright: ignore[reportPrivateUsage]
    table = plain_table.create_plain_table()
    table.add_column(text)
    table.add_row(text)
    plain_table.print_plain_table(table)
    console.print_table([{text: text}])
    console.print_note(text)
    output = capsys.readouterr()
    expect_plain(output.out + output.err)


@EACH
def test_prints_errors_and_logs_pass_one_door(text, capsys):
    handler = logs._StderrHandler()  # pyright: ignore[reportPrivateUsage]
    with guard_output():
        print(f"error: {text}", file=sys.stderr)
        print(text)
        sys.stdout.writelines([text])
        handler.emit(logging.LogRecord(text, logging.ERROR, "", 1, text.replace("%", ""), None, None))
    output = capsys.readouterr()
    expect_plain(output.out + output.err)


@EACH
def test_the_preview(text):
    group = {"name": text, "target": 3, "batches": 1}
    row = {"batch": 1, "slots": text, "size": 1, "covers": [text], "reused": True}
    span = {"low": 1, "high": 2}
    part = {"part": text, "model": text, "calls": span, "prompt_tokens": span, "completion_tokens": span}
    estimate = {**part, "low_means": text, "high_means": text, "cost_usd": None, "parts": [part | {"cost_usd": None}]}
    reuse = {"why": text, "batches": 0, "looked_at": 1, "of": 1}
    prompt = {"call": text, "note": text, "body": {"messages": [{"role": text, "content": text}], "x": text}}
    preview = {
        "recipe": text, "target": 1, "noun": text, "model": text, "endpoint": text, "group_word": text,
        "groups": [group], "expected": {text: text}, "batches": [row], "estimate": estimate, "budget": None,
        "reuse": reuse, "warnings": [text], "prompts": [prompt],
    }  # fmt: skip
    for count in (1, 99):
        sink = io.StringIO()
        screen = TextConsole(file=sink, width=120, force_terminal=True, color_system="truecolor")
        preview_text.print_preview(preview | {"batch_count": count}, screen)
        expect_plain(sink.getvalue(), is_terminal=True)


def test_only_one_module_makes_consoles():
    """Every other console would read markup again."""
    from runtime.paths import ROOT

    files = [*ROOT.glob("[sw]*er.py"), *(ROOT / "runtime").rglob("*.py")]
    makers = [file.name for file in files if "import Console" in file.read_text() or "rich.markup" in file.read_text()]
    assert makers == ["terminal.py"]
