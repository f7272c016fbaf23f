"""How soon the command line answers, how soon a run calls the model, and how much memory an idle worker takes: `uv run
python -m benchmarks.start`."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from runtime.temporal import embedded_server
from simulator.server import SimulatorServer
from tests.support.ports import find_free_port

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "oq_suite.yaml"
TIMES = 5
SETTLED = 3.0
"""Seconds after which a connected worker's memory no longer changes."""
ROWS = (
    "starter.py --help, s",
    "starter.py run to the first call, server is up, s",
    "starter.py run to the first call, server starts, s",
    "worker.py, connected and idle, MB",
)


def main() -> None:
    """Measure everything twice: with Python's bytecode kept, as it is from the second start on, and in the present
    environment: some, and many containers, keep none (PYTHONDONTWRITEBYTECODE), so every import compiles."""
    with tempfile.TemporaryDirectory() as bytecode_folder:
        usual = _measure({"PYTHONPYCACHEPREFIX": bytecode_folder, "PYTHONDONTWRITEBYTECODE": ""})
    here = _measure({})
    print(f"{'':52} {'bytecode kept':>14} {'as it is here':>14}")
    for row, usual_value, other in zip(ROWS, usual, here, strict=True):
        print(f"{row:52} {usual_value:14.2f} {other:14.2f}")


def _measure(bytecode: dict[str, str]) -> tuple[float, ...]:
    """Return the rows' figures for a home whose server has been up before."""
    with tempfile.TemporaryDirectory() as home, SimulatorServer() as model:
        place = _environment(Path(home), model.base_url) | bytecode
        try:
            _time_first_call(model, place)  # makes the database
            help_time = median(_time_help(place) for _ in range(TIMES))
            warm = median(_time_first_call(model, place) for _ in range(TIMES))
            idle_mb = _measure_idle_worker(place)
            cold = median(_stop_server(place) or _time_first_call(model, place) for _ in range(TIMES))
        finally:
            _stop_server(place)
    return help_time, warm, cold, idle_mb


def _environment(home: Path, base_url: str) -> dict[str, str]:
    """Return an environment with its own home, port and model."""
    away = ("OPENAI_", "TEMPORAL_", "QUIRE_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(away)}
    return environment | {"OPENAI_BASE_URL": base_url, "QUIRE_HOME": str(home), "QUIRE_PORT": str(find_free_port())}


def _time_help(place: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "starter.py", "--help"], cwd=ROOT, env=place, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def _time_first_call(model: SimulatorServer, place: dict[str, str]) -> float:
    """Return the seconds from Enter to the first call of the model; wait for the end of the run."""
    before, started = model.simulator.stats.calls, time.perf_counter()
    options = ("--fresh", "--set", f"output.store={place['QUIRE_HOME']}/store")
    words = [sys.executable, "starter.py", "run", str(EXAMPLE), *options]
    running = subprocess.Popen(words, cwd=ROOT, env=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while model.simulator.stats.calls == before and running.poll() is None:
        time.sleep(0.002)
    took = time.perf_counter() - started
    _, errors = running.communicate(timeout=60)
    if running.returncode:
        raise SystemExit(errors)
    return took


def _stop_server(place: dict[str, str]) -> None:
    asyncio.run(embedded_server.stop_server(Path(place["QUIRE_HOME"])))


def _measure_idle_worker(place: dict[str, str]) -> float:
    """Return megabytes of resident memory."""
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
