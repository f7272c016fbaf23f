"""What the Temporal CLI shows of runs that it or the starter began: attributes, summaries, details, events."""

import json
import subprocess
import sys
from pathlib import Path

from runtime.paths import ROOT
from tests.support.waiting import wait_until

TEMPORAL = str(Path(sys.executable).with_name("temporal"))


def test_the_temporal_cli_shows_attributes_summary_details_and_named_activities(shell, tmp_path):
    up = shell.spawn("up")
    try:
        request = json.loads((ROOT / "examples" / "oq_suite.json").read_text())
        request["output"]["store"] = str(tmp_path / "store")
        (tmp_path / "request.json").write_text(json.dumps(request))

        def cli(*words: str) -> subprocess.CompletedProcess[str]:
            address = ["--address", f"127.0.0.1:{shell.env['QUIRE_PORT']}"]
            command = [TEMPORAL, "workflow", *words, *address]
            return subprocess.run(command, env=shell.env, capture_output=True, text=True, timeout=60)

        start = ["start", "--type", "GenerateArtifact", "--task-queue", "quire", "--workflow-id", "by-cli"]
        summary = ["--static-summary", "oq_suite with o3-mini", "--static-details", "for the audit in May"]
        wait_until(lambda: cli(*start, "--input-file", str(tmp_path / "request.json"), *summary).returncode == 0)
        bad = [*start[:-1], ".answers", "--input-file", str(tmp_path / "request.json")]
        assert cli(*bad).returncode == 0 and "is not a valid id" in cli("result", "-w", ".answers").stdout
        assert shell(*shell.run_words("by-starter")).returncode == 0
        assert "complete" in cli("result", "-w", "by-cli").stdout

        def listed() -> set[str]:
            printed = cli("list", "--query", "QuireVerdict = 'complete' AND QuirePercent = 100", "-o", "json").stdout
            return {run["execution"]["workflowId"] for run in json.loads(printed or "[]")}

        wait_until(lambda: listed() == {"by-cli", "by-starter"})  # the list is filled a moment later than the history
        for name, detail in (("by-cli", "for the audit in May"), ("by-starter", "starter.py watch by-starter")):
            described = cli("describe", "-w", name).stdout
            assert "25/25 (Batch 3/3)" in described.replace("\\", "") and "oq_suite with o3-mini" in described
            assert detail in described
            details = cli("metadata", "-w", name).stdout
            assert "complete: 25 of 25 tests" in details and "artifact.json" in details
            assert "Start no further calls" in details and "How many calls may be in flight" in details
        output = cli("show", "-w", "by-cli", "-o", "json").stdout
        assert "userMetadata" in output and '"summary"' in output
    finally:
        up.terminate()
        up.wait(40)
