"""Runs that are killed at a random moment: `uv run python -m benchmarks.kills [runs]`.

Each run has a server, a worker and a store of its own; the worker, the server or both get SIGKILL, are started again,
and the run must end exact, with no call repeated whose answer had arrived.
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
from tests.conftest import free_port

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
START = (
    "import asyncio; from runtime import embedded as e; from runtime.settings import home, port; "
    "asyncio.run(e.start(home(), port()))"
)


class Stack:
    """A server with its data in a folder of its own, and a worker."""

    def __init__(self, home: Path, endpoint: str) -> None:
        away = ("OPENAI_", "TEMPORAL_", "QUIRE_")
        self.home = home
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(away)}
        self.env |= {"QUIRE_HOME": str(home), "QUIRE_PORT": str(free_port()), "OPENAI_BASE_URL": endpoint}
        self.worker: subprocess.Popen[bytes] | None = None

    def starter(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command of the starter."""
        command = [sys.executable, str(ROOT / "starter.py"), *words]
        return subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=120)

    def start_worker(self) -> None:
        """A worker of its own process group."""
        null = subprocess.DEVNULL
        self.worker = subprocess.Popen(
            [sys.executable, str(ROOT / "worker.py")], cwd=ROOT, env=self.env, stdout=null, stderr=null
        )

    def kill_worker(self) -> None:
        """SIGKILL."""
        assert self.worker is not None
        self.worker.kill()
        self.worker.wait()

    def kill_server(self) -> None:
        """SIGKILL; started again on the same data."""
        os.kill(int((self.home / "temporal.pid").read_text()), signal.SIGKILL)
        time.sleep(0.3)
        subprocess.run([sys.executable, "-c", START], cwd=ROOT, env=self.env, timeout=60, check=True)

    def end(self) -> None:
        """Stop all that was started."""
        if self.worker is not None and self.worker.poll() is None:
            self.kill_worker()
        self.starter("down")


def killed(victim: str, share: float) -> dict[str, Any]:
    """One run, its victim killed when `share` of its calls are answered."""
    with tempfile.TemporaryDirectory() as folder, SimulatorServer(Options(latency=LATENCY)) as model:
        home, store = Path(folder) / "home", Path(folder) / "store"
        request = Path(folder) / "request.yaml"
        request.write_text(REQUEST.replace("STORE", str(store)))
        stack = Stack(home, model.base_url)
        try:
            stack.starter("run", str(request), "--id", "k", "--detach").check_returncode()
            stack.start_worker()
            calls = -(-ITEMS // SIZE)
            while model.stats()["answered"] < share * calls:
                time.sleep(0.02)
            if victim != "server":
                stack.kill_worker()
            time.sleep(2 * LATENCY)  # calls in flight end at the endpoint, and nobody hears them
            lost = model.stats()["answered"] - len(list((store / "k" / "responses").glob("*.json")))
            if victim != "worker":
                stack.kill_server()
            if victim != "server":
                stack.start_worker()
            return _outcome(store, model, 0 if victim == "server" else lost, victim, share)
        finally:
            stack.end()


def _outcome(store: Path, model: SimulatorServer, lost: int, victim: str, share: float) -> dict[str, Any]:
    began = time.monotonic()
    while not (store / "k" / "report.json").exists() and time.monotonic() - began < 90:
        time.sleep(0.2)
    artifact = store / "k" / "artifact.jsonl"
    ids = [json.loads(line)["id"] for line in artifact.read_text().splitlines()] if artifact.exists() else []
    asked = model.stats()["answered_prompts"].values()
    return {
        "victim": victim,
        "killed at": share,
        "items": len(set(ids)),
        "twice": len(ids) - len(set(ids)),
        "lost": lost,
        "asked twice": sum(times - 1 for times in asked),
        "seconds": time.monotonic() - began,
    }


def main() -> int:
    """So many runs, a third of each kind; exit code 1 where one is not exact or asked for too much."""
    runs = int(sys.argv[1]) if sys.argv[1:] else 20
    chance, bad = random.Random(20), 0
    print(f"{ITEMS} items, {SIZE} a call, {IN_FLIGHT} calls in flight\n")
    print(f"{'victim':10}{'killed at':>10}{'items':>8}{'twice':>7}{'unheard':>9}{'asked twice':>13}{'s after':>9}")
    for number in range(runs):
        row = killed(("worker", "server", "both")[number % 3], chance.uniform(0.05, 0.9))
        fine = row["items"] == ITEMS and not row["twice"] and row["asked twice"] <= row["lost"] <= IN_FLIGHT
        bad += not fine
        counts = f"{row['items']:8}{row['twice']:7}{row['lost']:9}{row['asked twice']:13}{row['seconds']:9.1f}"
        print(f"{row['victim']:10}{row['killed at']:10.0%}{counts}{'' if fine else '   NOT FINE'}", flush=True)
    print(f"\n{runs - bad} of {runs} exact, with no call asked twice but those whose answer nobody heard")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
