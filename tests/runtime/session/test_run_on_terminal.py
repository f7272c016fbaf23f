"""`run` on a terminal, read from its screen: progress, Ctrl-C, and the result."""

import json
import sys
from collections.abc import Callable, Generator

import pytest

from runtime.paths import ROOT
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.support.screen_terminal import ScreenTerminal
from tests.support.shell import EXAMPLE, Shell, parse_last_line

CASES = ROOT / "examples" / "eval_dataset.yaml"


@pytest.fixture
def opened(shell: Shell) -> Generator[Callable[..., ScreenTerminal]]:
    """Opens terminals with `run` in them."""
    terminals: list[ScreenTerminal] = []

    def open(columns: int, id: str, *sets: str, request: object = CASES) -> ScreenTerminal:
        words = [sys.executable, str(ROOT / "starter.py"), "run", str(request), "--id", id]
        for setting in ("reuse=false", f"output.store={shell.home / 'store'}", *sets):
            words += ["--set", setting]
        terminals.append(ScreenTerminal(words, columns, shell.env, ROOT))
        return terminals[-1]

    yield open
    for terminal in terminals:
        terminal.close()


@pytest.mark.parametrize("columns", [80, 200])
def test_run_shows_a_bar_for_each_category_and_a_table_at_the_end(shell, opened, columns):
    with SimulatorServer(Options(latency=0.3)) as model:
        shell.env["OPENAI_BASE_URL"] = model.base_url
        terminal = opened(columns, "live", "batching.size=4", "batching.concurrency=2")
        terminal.wait_until(lambda: "about" in terminal.text() and "left" in terminal.text())
        rows = {row.split()[0]: row for row in terminal.rows()}
        for name in ("order_status", "refunds", "product_info", "all"):
            assert "━" in rows[name] and rows[name].endswith("%"), terminal.text()
        assert "in flight of 2" in rows["batches"] and "cases a minute" in rows["pace"] and "cost" in rows
        assert terminal.wait_for_exit() == 0
    text = terminal.text()
    assert "live: complete, 100 of 100 cases" in text and "━" not in text, text
    ended = {row.split()[0]: row for row in terminal.rows()}
    assert ended["Category"].split()[1:] == ["cases", "tokens", "in", "tokens", "out", "cost"]
    assert "40 of 40" in ended["refunds"] and "ledger.jsonl" in text and "report live" in text


def test_a_rate_limit_is_shown_with_its_end(shell, opened):
    with SimulatorServer(Options(latency=0.3, rate_limit=0.9, retry_after=5)) as model:
        shell.env["OPENAI_BASE_URL"] = model.base_url
        terminal = opened(100, "limited", "batching.size=2", "batching.concurrency=2", request=EXAMPLE)
        expected = ("rate limit until", "told to slow down", "tried again: HTTP 429")
        terminal.wait_until(lambda: all(words in terminal.text() for words in expected))
        terminal.type("\x03")
        terminal.wait_until(lambda: "Not stopped" in terminal.text())
        terminal.type("\x03")
        assert terminal.wait_for_exit() == 130


def test_ctrl_c_detaches_with_the_commands_to_return_and_a_second_one_exits_at_once(shell, opened):
    with SimulatorServer(Options(latency=25)) as model:
        shell.env["OPENAI_BASE_URL"] = model.base_url
        terminal = opened(80, "left", request=EXAMPLE)
        terminal.wait_until(lambda: "3 in flight" in terminal.text())
        terminal.type("\x03")
        terminal.wait_until(lambda: "exits at once" in " ".join(terminal.rows()[-2:]))
        text = terminal.text()
        assert text.count("Generated 0/25") == 1, text
        for command in ("up", "watch left", "finish left", "cancel left"):
            assert f"uv run starter.py {command}" in text, text
        terminal.type("\x03")
        assert terminal.wait_for_exit(15) == 130
        model.simulator.options = Options()
        ended = shell("watch", "left", "--json")
        assert ended.returncode == 0 and parse_last_line(ended.stdout)["items"] == 25


def test_missing_slots_are_listed_with_what_to_do_and_failed_lists_all_of_them(shell):
    with SimulatorServer(Options(poison="slot ")) as model:
        shell.env["OPENAI_BASE_URL"] = model.base_url
        words = shell.run_words("gaps", "--set", "retry.attempts=1", "--set", "on_failure=skip", "--set", "reuse=false")
        ended = shell(*words)
        assert ended.returncode in (1, 3), ended.stderr
        assert ended.stdout.count("missing    OQ-") == 10 and "… and 15 more" in ended.stdout, ended.stdout
        assert "starter.py retry-failed gaps" in ended.stdout and "starter.py explain gaps OQ-001" in ended.stdout
        assert "starter.py failed gaps" in ended.stdout
        rows = [json.loads(row) for row in shell("failed", "gaps", "--json").stdout.splitlines()]
        assert [row["slot"] for row in rows] == [f"OQ-{n:03d}" for n in range(1, 26)] and all(r["reason"] for r in rows)
        assert shell("failed", "gaps").stdout.startswith("OQ-001: ")


def test_watch_with_json_prints_lines_of_progress_and_then_the_result(shell):
    with SimulatorServer(Options(latency=0.5)) as model:
        shell.env["OPENAI_BASE_URL"] = model.base_url
        ended = shell(
            *shell.run_words("lines", "--json", "--set", "batching.size=2", "--set", "batching.concurrency=2")
        )
        rows = [json.loads(row) for row in ended.stdout.splitlines()]
        assert rows[-1]["verdict"] == "complete" and all("verdict" not in row for row in rows[:-1])
        counts = [row["items"] for row in rows[:-1] if "items" in row]
        assert counts == sorted(counts) and len({*counts}) >= 3 and all("line" in row for row in rows[1:-1])
        assert json.loads(shell("result", "lines", "--json").stdout) == rows[-1]
        assert [json.loads(row) for row in shell("watch", "lines", "--json").stdout.splitlines()] == rows[-1:]
