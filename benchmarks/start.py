"""How soon the command line answers, a run asks the model, and what an idle worker holds in memory:
`uv run python -m benchmarks.start`."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.harness import free_port
from runtime.temporal import embedded_server
from simulator.server import SimulatorServer

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "oq_suite.yaml"
TIMES = 5
SETTLED = 3.0
"""Seconds after which a connected worker holds what it holds at rest."""
ROWS = (
    "starter.py --help, s",
    "starter.py run to the first call, server is up, s",
    "starter.py run to the first call, server starts, s",
    "worker.py, connected and idle, MB",
)


def main() -> None:
    """Everything twice: with Python's bytecode kept, as it is from the second start on, and in this environment as it
    is: some, and many containers, keep none (PYTHONDONTWRITEBYTECODE), and then every import compiles."""
    with tempfile.TemporaryDirectory() as kept:
        usual = _measured({"PYTHONPYCACHEPREFIX": kept, "PYTHONDONTWRITEBYTECODE": ""})
    here = _measured({})
    print(f"{'':52} {'bytecode kept':>14} {'as it is here':>14}")
    for row, one, other in zip(ROWS, usual, here, strict=True):
        print(f"{row:52} {one:14.2f} {other:14.2f}")


def _measured(bytecode: dict[str, str]) -> tuple[float, ...]:
    """The rows, on a home whose server has been up before."""
    with tempfile.TemporaryDirectory() as home, SimulatorServer() as model:
        place = _place(Path(home), model.base_url) | bytecode
        try:
            _first_call(model, place)  # makes the database
            told = median(_help(place) for _ in range(TIMES))
            warm = median(_first_call(model, place) for _ in range(TIMES))
            held = _idle_worker(place)
            cold = median(_stopped(place) or _first_call(model, place) for _ in range(TIMES))
        finally:
            _stopped(place)
    return told, warm, cold, held


def _place(home: Path, base_url: str) -> dict[str, str]:
    """An environment with a home, a port and a model of its own."""
    away = ("OPENAI_", "TEMPORAL_", "QUIRE_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(away)}
    return kept | {"OPENAI_BASE_URL": base_url, "QUIRE_HOME": str(home), "QUIRE_PORT": str(free_port())}


def _help(place: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "starter.py", "--help"], cwd=ROOT, env=place, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def _first_call(model: SimulatorServer, place: dict[str, str]) -> float:
    """Seconds from enter until the model is asked; the run is then seen to its end."""
    before, began = model.simulator.tally.calls, time.perf_counter()
    options = ("--fresh", "--set", f"output.store={place['QUIRE_HOME']}/store")
    words = [sys.executable, "starter.py", "run", str(EXAMPLE), *options]
    running = subprocess.Popen(words, cwd=ROOT, env=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while model.simulator.tally.calls == before and running.poll() is None:
        time.sleep(0.002)
    took = time.perf_counter() - began
    _, said = running.communicate(timeout=60)
    if running.returncode:
        raise SystemExit(said)
    return took


def _stopped(place: dict[str, str]) -> None:
    asyncio.run(embedded_server.stop(Path(place["QUIRE_HOME"])))


def _idle_worker(place: dict[str, str]) -> float:
    """Megabytes of resident memory."""
    worker = subprocess.Popen([sys.executable, "worker.py"], cwd=ROOT, env=place, stderr=subprocess.PIPE, text=True)
    assert worker.stderr is not None
    try:
        if not worker.stderr.readline().startswith("worker on queue"):
            raise SystemExit("worker.py did not start")
        time.sleep(SETTLED)
        listing = subprocess.run(["ps", "-o", "rss=", "-p", str(worker.pid)], capture_output=True, check=True)
        return int(listing.stdout) / 1024
    finally:
        worker.terminate()
        worker.wait(40)


if __name__ == "__main__":
    main()
