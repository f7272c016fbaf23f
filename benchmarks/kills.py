"""Runs that are killed at a random moment: `uv run python -m benchmarks.kills [runs]`.

Each run has its own server, worker and store. The worker, the server or both get SIGKILL and are started again; the run
must end exact, and no call may be repeated whose answer had arrived.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from simulator.options import Options
from simulator.server import SimulatorServer
from tests.support.ports import find_free_port
from tests.support.servers import START_SERVER

ROOT = Path(__file__).resolve().parent.parent
ITEMS, SIZE, IN_FLIGHT, LATENCY = 120, 3, 6, 0.3
REQUEST = f"""
recipe: custom
inputs:
  item:
    type: object
    additionalProperties: false
    required: [title, text]
    properties: {{title: {{type: string}}, text: {{type: string, minLength: 200}}}}
  instructions: Make things.
  prompt: "thing {{{{ index }}}}"
  slots: {{count: {ITEMS}}}
model: {{name: gpt-4o-mini}}
batching: {{size: {SIZE}, concurrency: {IN_FLIGHT}}}
output: {{store: STORE, formats: [jsonl]}}
"""


class Stack:
    """A server with its data in its own folder, and a worker."""

    def __init__(self, home: Path, endpoint: str) -> None:
        away = ("OPENAI_", "TEMPORAL_", "QUIRE_")
        self.home = home
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(away)}
        self.env |= {"QUIRE_HOME": str(home), "QUIRE_PORT": str(find_free_port()), "OPENAI_BASE_URL": endpoint}
        self.worker: subprocess.Popen[bytes] | None = None

    def run_starter(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the starter."""
        command = [sys.executable, str(ROOT / "starter.py"), *words]
        return subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=120)

    def start_worker(self) -> None:
        """Start a worker."""
        null = subprocess.DEVNULL
        self.worker = subprocess.Popen(
            [sys.executable, str(ROOT / "worker.py")], cwd=ROOT, env=self.env, stdout=null, stderr=null
        )

    def kill_worker(self) -> None:
        """Kill the worker with SIGKILL."""
        assert self.worker is not None
        self.worker.kill()
        self.worker.wait()

    def kill_server(self) -> None:
        """Kill the server with SIGKILL and start it again on the same data."""
        os.kill(int((self.home / "temporal.pid").read_text()), signal.SIGKILL)
        time.sleep(0.3)
        subprocess.run(START_SERVER, cwd=ROOT, env=self.env, timeout=60, check=True)

    def stop(self) -> None:
        """Stop the worker and the server."""
        if self.worker is not None and self.worker.poll() is None:
            self.kill_worker()
        self.run_starter("down")


def run_and_kill(victim: str, share: float) -> dict[str, Any]:
    """Make one run whose victim is killed when `share` of its calls are answered; return the figures."""
    with tempfile.TemporaryDirectory() as folder, SimulatorServer(Options(latency=LATENCY)) as model:
        home, store = Path(folder) / "home", Path(folder) / "store"
        request = Path(folder) / "request.yaml"
        request.write_text(REQUEST.replace("STORE", str(store)))
        stack = Stack(home, model.base_url)
        try:
            stack.run_starter("run", str(request), "--id", "k", "--detach").check_returncode()
            stack.start_worker()
            calls = -(-ITEMS // SIZE)
            while model.stats()["answered"] < share * calls:
                time.sleep(0.02)
            if victim != "server":
                stack.kill_worker()
            time.sleep(2 * LATENCY)  # calls in flight end at the endpoint, and their answers are lost
            lost = model.stats()["answered"] - len(list((store / "k" / "responses").glob("*.json")))
            if victim != "worker":
                stack.kill_server()
            if victim != "server":
                stack.start_worker()
            return _wait_for_outcome(store, model, 0 if victim == "server" else lost, victim, share)
        finally:
            stack.stop()


def _wait_for_outcome(store: Path, model: SimulatorServer, lost: int, victim: str, share: float) -> dict[str, Any]:
    started = time.monotonic()
    while not (store / "k" / "report.json").exists() and time.monotonic() - started < 90:
        time.sleep(0.2)
    artifact = store / "k" / "artifact.jsonl"
    ids = [json.loads(line)["id"] for line in artifact.read_text().splitlines()] if artifact.exists() else []
    asked = model.stats()["answered_prompts"].values()
    return {
        "victim": victim,
        "killed at": share,
        "items": len(set(ids)),
        "repeated": len(ids) - len(set(ids)),
        "lost": lost,
        "calls repeated": sum(times - 1 for times in asked),
        "seconds": time.monotonic() - started,
    }


def main() -> int:
    """Make this many runs, a third of each kind; return 1 if one is not exact or repeats too many calls."""
    runs = int(sys.argv[1]) if sys.argv[1:] else 20
    chance, bad = random.Random(20), 0
    print(f"{ITEMS} items, {SIZE} per call, {IN_FLIGHT} calls in flight\n")
    print(f"{'victim':10}{'killed at':>10}{'items':>8}{'repeated':>10}{'lost':>9}{'calls again':>13}{'s after':>9}")
    for number in range(runs):
        row = run_and_kill(("worker", "server", "both")[number % 3], chance.uniform(0.05, 0.9))
        fine = row["items"] == ITEMS and not row["repeated"] and row["calls repeated"] <= row["lost"] <= IN_FLIGHT
        bad += not fine
        counts = f"{row['items']:8}{row['repeated']:10}{row['lost']:9}{row['calls repeated']:13}{row['seconds']:9.1f}"
        print(f"{row['victim']:10}{row['killed at']:10.0%}{counts}{'' if fine else '   FAILED'}", flush=True)
    print(f"\n{runs - bad} of {runs} exact, with no call repeated but those whose answer was lost in the kill")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
