"""The live screen at several widths and heights."""

from quire.outcome import Usage
from quire.progress import Group, Progress
from runtime.session.eta import Forecast, Forecaster
from runtime.session.live_screen import choose_groups, render_screen
from runtime.session.run_view import RunView
from runtime.temporal.diagnosis import Diagnosis
from runtime.temporal.pending_calls import RetryingCalls
from runtime.text.terminal import TextConsole
from tests.support.progress import sample_progress


def render(make_view: RunView, width: int, height: int = 40) -> list[str]:
    console = TextConsole(width=width, height=height, color_system=None)
    with console.capture() as caught:
        console.print(render_screen(make_view, width, height))
    return caught.get().splitlines()


def look(progress: Progress, **beside: object) -> RunView:
    return RunView(progress.workflow_id, progress, taken_at=1_000_090.0, **beside)  # pyright: ignore[reportArgumentType]


CATEGORIES = [Group(name="refunds", target=60, items=40, failed=2), Group(name="delivery", target=40)]


def test_a_bar_for_each_group_and_one_for_all_fit_any_width():
    for width in (60, 80, 200):
        rows = render(look(sample_progress(groups=CATEGORIES, group_word="Category", failed=2)), width)
        assert all(len(row) <= width for row in rows), rows
        named = {row.split()[0]: row for row in rows if row.strip()}
        assert "40/60 2 failed" in named["refunds"] and "66 %" in named["refunds"]
        assert "0/40" in named["delivery"] and "40/100" in named["all"] and "━" in named["all"]


def test_live_screen_shows_batches_rate_tokens_cost_and_waiting_calls():
    retrying = RetryingCalls(retried=3, rate_limited=2, next_attempt=1_000_100.0, reason="HTTP 429: slow down")
    pace = Forecast(items_per_minute=12.0, seconds_left=300.0, expected_cost_usd=0.1)
    text = "\n".join(
        render(look(sample_progress(duplicates_rejected=4, reused=1), forecast=pace, retrying=retrying), 120)
    )
    for part in (
        "20 of 50 done, 1 failed, 3 in flight of 8",
        "12.0 tests a minute, about 5 min left, 1 min 30 s so far",
        "12,345 in, 6,789 out, 21 calls",
        "$0.0400 so far, about $0.1000 in all",
        "3 calls tried again: HTTP 429: slow down",
        "rate limit until",
        "2 calls told to slow down",
        "4 rejected as duplicates, 1 answer reused",
    ):
        assert part in text, text


def test_a_paused_run_shows_its_reason_and_no_time_left():
    paused = sample_progress(
        stage="paused", waits_for="budget", why="budget: 9 of 10 tokens are spent; raise-budget or finish"
    )
    text = "\n".join(render(look(paused, forecast=Forecaster().update(paused, 5.0)), 120))
    assert "budget: 9 of 10 tokens are spent; raise-budget or finish" in text and "left" not in text


def test_of_many_groups_those_in_progress_are_shown_and_the_rest_counted():
    groups = [Group(name=f"topic {n}", target=10, items=10 if n < 200 else 5 if n < 205 else 0) for n in range(500)]
    chosen_groups, remainder = choose_groups(groups, 12)
    assert [group.name for group in chosen_groups] == [f"topic {n}" for n in range(200, 212)]
    assert remainder == "488 more: 200 done, 288 not begun"
    rows = render(look(sample_progress(groups=groups, group_word="Topic")), 80, height=24)
    text = "\n".join(rows)
    assert len(rows) <= 20 and "topic 200" in text and "200 done," in text and "not begun" in text, text


def test_long_group_names_that_begin_alike_stay_distinguishable():
    groups = [Group(name=f"Wine / Regions of France / Burgundy / village {n}", target=10) for n in range(3)]
    rows = render(look(sample_progress(groups=groups, group_word="Topic")), 80)
    assert [any(f"village {n} " in row and row.startswith("Wine /") for row in rows) for n in range(3)] == [True] * 3


def test_trouble_is_shown_below_the_last_known_progress():
    text = "\n".join(render(look(sample_progress(), diagnosis=Diagnosis("server", "the server does not answer")), 80))
    assert "40/100" in text and "the server does not answer" in text


def test_terminal_control_sequences_are_replaced():
    rows = "\n".join(render(look(sample_progress(groups=[Group(name="a\x1b[2Jb", target=1)])), 80))
    assert "\x1b[2J" not in rows and "a\N{REPLACEMENT CHARACTER}[2Jb" in rows


def test_the_rate_follows_observed_progress_and_excludes_pauses():
    tempo = Forecaster()
    assert tempo.update(sample_progress(items=0), 0.0).items_per_minute is None
    assert tempo.update(sample_progress(items=10), 30.0).items_per_minute == 20
    assert tempo.update(sample_progress(items=20), 60.0).seconds_left == 240
    tempo.update(sample_progress(items=20, stage="paused"), 70.0)
    assert tempo.update(sample_progress(items=20), 3600.0).items_per_minute is None
    assert tempo.update(sample_progress(items=30), 3630.0).items_per_minute == 20
    for minute in range(10):
        tempo.update(sample_progress(items=30 + minute), 3630.0 + 60 * minute)
    assert 0.9 <= (tempo.update(sample_progress(items=40), 4230.0).items_per_minute or 0) <= 1.1


def test_an_unknown_cost_is_not_shown_as_zero():
    text = "\n".join(render(look(sample_progress(usage=Usage(calls=1, prompt_tokens=5, cost_usd=None))), 80))
    assert "price unknown" in text and "$" not in text
