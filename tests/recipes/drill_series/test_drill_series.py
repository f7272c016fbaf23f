"""The recipe `drill_series`: positions drawn as needed, batches of five that fail alone, progress, rebuilding."""

import contextlib
import json
import os
import re
import sqlite3

import pytest

from activities.documents import database_table
from activities.store.object_store import Store
from quire.progress import BatchStatus, Progress, Result
from recipes.drill_series import positions
from runtime.errors import SetupError
from runtime.paths import ROOT
from simulator.options import Options
from tests.support.requests import example_request, lay_out_plan
from tests.support.runs import get_prompts, read_items, run_to_end
from tests.support.workers import run_worker

LIBRARY = ROOT / "examples" / "backgammon" / "positions.jsonl"
ALL = ["EARLY", "MIDDLE", "RACE", "BEAROFF"]


def make_plan(**changes):
    inputs = {"library": str(LIBRARY), **changes.pop("inputs", {})}
    return lay_out_plan({"recipe": "drill_series", "inputs": inputs, **changes})


# Phase 1: dynamic position loading


@pytest.mark.parametrize(
    ("drills", "phases", "each"), [(20, 2, 12), (10, 1, 12), (30, 3, 12), (21, 4, 8), (100, 1, 25), (1, 4, 3)]
)
def test_positions_needed_are_ceil_of_drills_over_phases_plus_two_capped(drills, phases, each):
    assert positions.count_per_phase(drills, phases, 25) == each
    recipe = make_plan(target=drills, inputs={"phases": ALL[:phases]}).recipe
    assert len(recipe.draw_positions(drills)) == each * phases


@pytest.mark.parametrize(("drills", "phases"), [(10, 1), (20, 2), (30, 3)])
def test_token_usage_is_down_by_half_or_more_for_typical_requests(drills, phases):
    expected = make_plan(target=drills, inputs={"phases": ALL[:phases]}).recipe.plan_facts()
    saved = int(re.search(r"\((\d+) %\)", expected["saved against 96 positions"])[1])
    assert saved >= 50


async def test_positions_are_sampled_anew_for_each_run_and_the_same_within_one(client, simulator, tmp_path):
    simulator.simulator.options = Options(record=True)
    request = example_request("drill_series", tmp_path, target=5).model_dump(mode="json")
    del request["seed"]
    drawn = []
    for name in ("drawn-1", "drawn-2"):
        await run_to_end(client, type(example_request("roadmap", tmp_path)).model_validate(request), name)
        drawn.append([row["position"] for row in read_items(tmp_path, name)])
    assert drawn[0] != drawn[1]
    first, repeated, other = (make_plan(seed=seed, inputs={"phases": ALL}).slots for seed in (1, 1, 2))
    assert first == repeated != other


def test_the_opening_phase_always_gives_all_21_positions_in_dice_order():
    for target, seed in ((5, 1), (21, 2), (40, 3)):
        recipe = make_plan(target=target, seed=seed).recipe
        dice = [position.dice for position in recipe.draw_positions(target)]
        assert len(dice) == 21 and dice == sorted(dice)
    mixed = make_plan(target=21, inputs={"phases": ["OPENING", "RACE"]}).recipe.draw_positions(21)
    assert [position.dice for position in mixed if position.phase == "OPENING"] == dice


def test_the_example_library_has_enough_real_positions_in_each_phase():
    library = positions.read_positions(LIBRARY.read_text(), "f", "positions.jsonl")
    counts = {phase: sum(p.phase == phase for p in library) for phase in ["OPENING", *ALL]}
    assert counts["OPENING"] == 21 and all(counts[phase] >= 40 for phase in ALL)
    assert {p.position_id for p in library if p.phase == "OPENING"} == {"4HPwATDgc/ABMA"}
    assert len({p.position_id for p in library}) == len(library) - 20


# Phase 2: batched generation


def test_25_drills_are_5_batches_of_5_and_the_size_can_be_set():
    assert make_plan(target=25).sizes == [5] * 5
    assert make_plan(target=21).sizes == [5, 5, 5, 5, 1]
    assert make_plan(target=21, batching={"size": 7}).sizes == [7, 7, 7]
    assert make_plan(target=21, batching={"enabled": False}).sizes == [21]
    assert make_plan(target=21, batching={"batch_size": 4}).request.batching.size == 4


async def test_each_prompt_holds_its_own_positions_and_never_mentions_other_batches(client, simulator, tmp_path):
    simulator.simulator.options = Options(record=True)
    await run_to_end(client, example_request("drill_series", tmp_path), "drill-prompts")
    rows = read_items(tmp_path, "drill-prompts")
    for prompt in get_prompts(simulator):
        positions_in_prompt = set(re.findall(r"(?:EARLY|MIDDLE|RACE|BEAROFF)-\d+", prompt))
        slots = {int(number) for number in re.findall(r"slot (\d+):", prompt)}
        assert (
            positions_in_prompt == {row["position"] for row in rows if int(row["id"][-2:]) in slots} and len(slots) == 5
        )
        assert "batch" not in prompt.lower()
    system = simulator.simulator.bodies[0]["messages"][0]["content"]
    assert "How an expert thinks" in system and "The curriculum" in system and "Who teaches" in system
    assert len({body["messages"][0]["content"] for body in simulator.simulator.bodies}) == 1


async def test_a_batch_that_fails_three_times_is_marked_and_the_other_four_complete(client, simulator, tmp_path):
    request = example_request("drill_series", tmp_path)
    bad = "|".join(slot.data["position"] for slot in lay_out_plan(request.model_dump(mode="json")).slots[5:10])
    simulator.simulator.options = Options(poison=bad)
    result = await run_to_end(client, request, "drill-partial")
    assert (result.verdict, result.items, result.batches.model_dump()) == (
        "partial",
        20,
        {"planned": 5, "completed": 4, "failed": 1},
    )
    assert [slot.slot for slot in result.failed_slots] == [f"drill-{n:02d}" for n in range(6, 11)]
    report = json.loads((tmp_path / "drill-partial" / "report.json").read_text())
    assert report["batch_states"] == ["COMPLETED", "FAILED", "COMPLETED", "COMPLETED", "COMPLETED"]
    ids = [row["id"] for row in read_items(tmp_path, "drill-partial")]
    assert ids == [f"drill-{n:02d}" for n in [*range(1, 6), *range(11, 26)]]


async def test_a_run_fails_when_all_its_batches_fail(client, simulator, tmp_path):
    simulator.simulator.options = Options(poison=".")
    result = await run_to_end(client, example_request("drill_series", tmp_path), "drill-failed")
    assert (result.verdict, result.items, result.artifact) == ("failed", 0, None)


async def test_progress_and_batch_states_are_visible_during_a_run(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.3)
    request = example_request("drill_series", tmp_path, batching={"concurrency": 1})
    lines, states = set(), set()
    async with run_worker(client):
        handle = await client.start_workflow(
            "GenerateArtifact", request, id="drill-progress", task_queue="quire", result_type=Result
        )
        while (progress := await handle.query("progress", result_type=Progress)).stage != "done":
            lines.add(progress.line)
            page = await handle.query("batches", args=[1, 10], result_type=list[BatchStatus])
            states.add(tuple(batch.status for batch in page))
        await handle.result()
    assert "Generated 15/25 drills (Batch 3/5)" in lines
    assert ("COMPLETED", "GENERATING", "PENDING", "PENDING", "PENDING") in states


async def test_drill_batches_run_concurrently(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.2)
    await run_to_end(client, example_request("drill_series", tmp_path), "drill-parallel")
    assert simulator.stats()["max_in_flight"] == 5


async def test_one_call_makes_all_drills_when_batching_is_off(client, simulator, tmp_path):
    request = example_request("drill_series", tmp_path, batching={"enabled": False}, target=21)
    result = await run_to_end(client, request, "drill-single")
    assert (result.verdict, simulator.stats()["calls"]) == ("complete", 1)


async def test_the_artifact_is_rebuilt_from_the_store_byte_for_byte(client, simulator, tmp_path):
    from activities.assemble_artifact import rebuild_artifact

    await run_to_end(client, example_request("drill_series", tmp_path), "drill-rebuilt")
    files = [tmp_path / "drill-rebuilt" / name for name in ("artifact.json", "artifact.jsonl")]
    before = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()
    assert list((await rebuild_artifact(Store(str(tmp_path), "drill-rebuilt"))).values()) == list(map(str, files))
    assert [file.read_bytes() for file in files] == before


async def test_verification_reads_the_artifact_as_it_was_written(client, simulator, tmp_path):
    from activities.store.plan_file import PlanCache
    from activities.verify_artifact import verify_artifact
    from quire.contracts import Job, VerifyInput

    result = await run_to_end(client, example_request("drill_series", tmp_path), "drill-verified")
    verify_input = VerifyInput(job=Job(workflow_id="drill-verified", store=str(tmp_path)), result=result)
    assert (await verify_artifact(verify_input, PlanCache())).problems == []
    file = tmp_path / "drill-verified" / "artifact.json"
    artifact = json.loads(file.read_text())
    artifact["drills"][3] = artifact["drills"][4]
    artifact["drills"][7]["answer"] = 9
    file.write_text(json.dumps(artifact))
    problems = (await verify_artifact(verify_input, PlanCache())).problems
    assert "artifact.json: id 'drill-05' is repeated or out of order" in problems
    assert "artifact.json: drill-08 does not match the item schema" in problems


# The library as a table


def read_library_rows():
    return [json.loads(row) for row in LIBRARY.read_text().splitlines()]


def test_a_sqlite_table_is_read_with_one_query(tmp_path, monkeypatch):
    file = tmp_path / "positions.db"
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE positions (id, phase, position_id, dice, best, description, created_at)")
        database.executemany(
            "INSERT INTO positions VALUES (:id, :phase, :position_id, :dice, :best, :description, 'x')",
            read_library_rows(),
        )
    asked: list[str] = []
    connect = sqlite3.connect

    def traced(*args, **options):
        connection = connect(*args, **options)
        connection.set_trace_callback(asked.append)
        return connection

    monkeypatch.setattr(database_table.sqlite3, "connect", traced)
    plan = make_plan(inputs={"library": f"sqlite:///{file}?table=positions"})
    assert len(plan.recipe.library) == 213 and asked == ["SELECT * FROM positions ORDER BY 1"]
    relative = lay_out_plan(
        {"recipe": "drill_series", "inputs": {"library": "sqlite:///positions.db?table=positions"}}, tmp_path
    )
    assert {slot.covers for slot in relative.slots} == {slot.covers for slot in make_plan().slots}


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    pgserver = pytest.importorskip("pgserver", reason="the PostgreSQL server's wheel is not there for this system")
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    server = pgserver.get_server(str(tmp_path_factory.mktemp("pg")))
    yield server
    server.cleanup()


def test_a_postgresql_table_is_read_with_one_query(postgres):
    import psycopg

    address = postgres.get_uri()
    with psycopg.connect(address) as connection:
        columns = ("id", "phase", "position_id", "dice", "best", "description")
        connection.execute(f"CREATE TABLE positions ({', '.join(f'{name} text' for name in columns)})")
        with connection.cursor() as cursor:
            places = ", ".join(f"%({name})s" for name in columns)
            cursor.executemany(f"INSERT INTO positions VALUES ({places})", read_library_rows())
    joint = "&" if "?" in address else "?"
    plan = make_plan(inputs={"library": f"{address}{joint}table=positions"})
    assert len(plan.recipe.library) == 213


@pytest.mark.parametrize(
    ("library", "message"),
    [
        ("sqlite:///nowhere.db?table=t", "inputs.library: there is no file"),
        ("sqlite:///nowhere.db", "the address names no table"),
        ("sqlite:///x.db?table=a;drop", "is not a valid table name"),
        ("postgresql://u:secret@localhost/db?table=t", "remove the password"),
        ("postgresql://127.0.0.1:1/db?table=t", "PostgreSQL: "),
    ],
)
def test_an_unreadable_position_library_is_reported(library, message):
    with pytest.raises(SetupError, match=re.escape(message)) as raised:
        make_plan(inputs={"library": library})
    assert "secret" not in str(raised.value)


def test_a_broken_library_names_its_line(tmp_path):
    file = tmp_path / "library.jsonl"
    for text, message in (
        ('{"id": "a"}', "library.jsonl:1: phase: Field required"),
        ('{"id": "a", "phase": "X", "position_id": "short", "dice": "1-1"}', "library.jsonl:1: position_id"),
        ("x", "library.jsonl:1: not JSON"),
    ):
        file.write_text(text + "\n")
        with pytest.raises(SetupError, match=re.escape(message)):
            make_plan(inputs={"library": str(file)})
    with pytest.raises(SetupError, match=r"inputs\.phases\.0: the library has no LATE; it has: OPENING, EARLY"):
        make_plan(inputs={"phases": ["LATE"]})
