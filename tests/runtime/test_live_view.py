"""The live view as it looks at a width and a height: bars, and beside what there is to tell."""

from rich.console import Console

from quire.outcome import Usage
from quire.progress import BatchCounts, Group, Progress
from runtime.session.eta import Pace, Tempo
from runtime.session.live_screen import chosen, view
from runtime.session.run_view import Look
from runtime.temporal.diagnosis import Trouble
from runtime.temporal.pending_calls import Again


def progress(**said: object) -> Progress:
    usual = {
        "workflow_id": "oq-1",
        "recipe": "oq_suite",
        "stage": "generating",
        "noun": "tests",
        "target": 100,
        "items": 40,
        "batches": BatchCounts(planned=50, completed=20, failed=1),
        "in_flight": 3,
        "concurrency": 8,
        "usage": Usage(calls=21, prompt_tokens=12_345, completion_tokens=6_789, cost_usd=0.04),
        "started": 1_000_000.0,
    }
    return Progress.model_validate(usual | said)


def shown(look: Look, width: int, height: int = 40) -> list[str]:
    console = Console(width=width, height=height, color_system=None)
    with console.capture() as caught:
        console.print(view(look, width, height))
    return caught.get().splitlines()


def look(said: Progress, **beside: object) -> Look:
    return Look(said.workflow_id, said, at=1_000_090.0, **beside)  # pyright: ignore[reportArgumentType]


CATEGORIES = [Group(name="refunds", target=60, items=40, failed=2), Group(name="delivery", target=40)]


def test_a_bar_for_each_group_and_one_for_all_fit_any_width():
    for width in (60, 80, 200):
        rows = shown(look(progress(groups=CATEGORIES, group_word="Category", failed=2)), width)
        assert all(len(row) <= width for row in rows), rows
        named = {row.split()[0]: row for row in rows if row.strip()}
        assert "40/60 2 failed" in named["refunds"] and "66 %" in named["refunds"]
        assert "0/40" in named["delivery"] and "40/100" in named["all"] and "━" in named["all"]


def test_it_tells_batches_pace_tokens_cost_and_what_is_waited_for():
    again = Again(retried=3, limited=2, until=1_000_100.0, reason="HTTP 429: slow down")
    pace = Pace(items_per_minute=12.0, seconds_left=300.0, expected_cost_usd=0.1)
    text = "\n".join(shown(look(progress(duplicates_rejected=4, reused=1), pace=pace, again=again), 120))
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


def test_a_pause_says_why_and_promises_no_end():
    held = progress(stage="paused", waits_for="budget", why="budget: 9 of 10 tokens are spent; raise-budget or finish")
    text = "\n".join(shown(look(held, pace=Tempo().learn(held, 5.0)), 120))
    assert "budget: 9 of 10 tokens are spent; raise-budget or finish" in text and "left" not in text


def test_of_many_groups_those_under_way_are_shown_and_the_rest_is_counted():
    groups = [Group(name=f"topic {n}", target=10, items=10 if n < 200 else 5 if n < 205 else 0) for n in range(500)]
    kept, rest = chosen(groups, 12)
    assert [group.name for group in kept] == [f"topic {n}" for n in range(200, 212)]
    assert rest == "488 more: 200 done, 288 not begun"
    rows = shown(look(progress(groups=groups, group_word="Topic")), 80, height=24)
    text = "\n".join(rows)
    assert len(rows) <= 20 and "topic 200" in text and "200 done," in text and "not begun" in text, text


def test_names_that_begin_alike_are_told_apart():
    groups = [Group(name=f"Wine / Regions of France / Burgundy / village {n}", target=10) for n in range(3)]
    rows = shown(look(progress(groups=groups, group_word="Topic")), 80)
    assert [any(f"village {n} " in row and row.startswith("Wine /") for row in rows) for n in range(3)] == [True] * 3


def test_trouble_is_told_below_what_was_known_last():
    text = "\n".join(shown(look(progress(), trouble=Trouble("server", "the server does not answer")), 80))
    assert "40/100" in text and "the server does not answer" in text


def test_what_steers_a_terminal_is_not_passed_on():
    rows = "\n".join(shown(look(progress(groups=[Group(name="a\x1b[2Jb", target=1)])), 80))
    assert "\x1b[2J" not in rows and "a\N{REPLACEMENT CHARACTER}[2Jb" in rows


def test_the_rate_follows_what_is_seen_and_a_pause_is_no_part_of_it():
    tempo = Tempo()
    assert tempo.learn(progress(items=0), 0.0).items_per_minute is None
    assert tempo.learn(progress(items=10), 30.0).items_per_minute == 20
    assert tempo.learn(progress(items=20), 60.0).seconds_left == 240
    tempo.learn(progress(items=20, stage="paused"), 70.0)
    assert tempo.learn(progress(items=20), 3600.0).items_per_minute is None
    assert tempo.learn(progress(items=30), 3630.0).items_per_minute == 20
    for minute in range(10):
        tempo.learn(progress(items=30 + minute), 3630.0 + 60 * minute)
    assert 0.9 <= (tempo.learn(progress(items=40), 4230.0).items_per_minute or 0) <= 1.1


def test_a_cost_that_is_not_known_is_no_zero():
    text = "\n".join(shown(look(progress(usage=Usage(calls=1, prompt_tokens=5, cost_usd=None))), 80))
    assert "price unknown" in text and "$" not in text
