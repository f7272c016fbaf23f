"""A key and the text of items stay where they belong, whatever an endpoint makes of them."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from tests.support import telltale_endpoint
from tests.support.requests import batched_things_request
from tests.support.runs import start_run
from tests.support.telltale_endpoint import SENTENCE, refuse, run_telltale_endpoint
from tests.support.workers import run_worker

KEY = "sk-canary-9b1f4e7a2c8d5063b7e1f4a92c6d8035"
"""A key that is easy to find."""
PART = 12
"""Characters of the key that no text may have in a row."""

FAULTS = {
    "400": refuse(400),
    "404": refuse(404),
    "422": refuse(422),
    "429": refuse(429),
    "500": refuse(500),
    "a page": telltale_endpoint.answer_with_page,
    "an error in a stream": telltale_endpoint.answer_with_broken_stream,
    "a refusal": telltale_endpoint.answer_with_refusal,
}


def find_key(text: str) -> list[str]:
    """Return the parts of the key, plain or as base64, that are in a text."""
    encoded = [base64.b64encode(b"\0" * shift + KEY.encode()).decode()[4:] for shift in range(3)]
    parts = [
        form[at : at + size] for form, size in ((KEY, PART), *((code, 32) for code in encoded)) for at in range(20)
    ]
    return [part for part in parts if len(part) >= PART and part in text]


async def read_history(handle: WorkflowHandle[Any, Any]) -> str:
    """Return a history with its payloads decoded."""
    raw = json.dumps((await handle.fetch_history()).to_json_dict())
    return raw + "".join(base64.b64decode(data).decode() for data in re.findall(r'"data": "([^"]+)"', raw))


def read_files(folder: Path) -> str:
    return "\n".join(file.read_bytes().decode(errors="replace") for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_fault_of_an_endpoint_carries_its_key_or_an_item_out(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], fault: str
):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with run_telltale_endpoint(FAULTS[fault], FAULTS[fault], telltale_endpoint.answer_with_invalid_items) as address:
        monkeypatch.setenv("OPENAI_BASE_URL", address)
        request = batched_things_request(
            tmp_path, 4, model={"name": "gpt-4o-mini", "stream": "stream" in fault}, retry={"attempts": 2}
        )
        name = f"secret-{fault.replace(' ', '-')}"
        async with run_worker(client):
            handle = await start_run(client, request, name)
            try:
                await handle.result()
            except Exception as error:  # a 404 fails the run
                assert not find_key(repr(error) + str(error.__cause__))
        history = await read_history(handle)
    files, output = read_files(tmp_path), "".join(capfd.readouterr())
    assert "HTTP" in history or "invalid" in history, "the fault was met"
    assert [find_key(text) for text in (history, files, output)] == [[], [], []]
    assert SENTENCE not in history and SENTENCE not in output
    assert fault == "404" or SENTENCE in files, "what a model made is in the store"


def test_a_command_leaves_no_key_behind(shell, tmp_path):
    secrets = {"OPENAI_API_KEY": KEY, "HTTPS_PROXY": f"http://someone:{KEY}@127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
    with run_telltale_endpoint(refuse(400), telltale_endpoint.answer_with_invalid_items) as address:
        shell.env |= secrets | {"OPENAI_BASE_URL": address}
        words = shell.run_words("leak", "--set", "target=3", "--set", "retry.attempts=2")
        runs = [shell(*words), shell("status", "leak"), shell("result", "leak", "--json"), shell("explain", "leak")]
        server = Path(f"/proc/{(shell.home / 'temporal.pid').read_text()}")
        left = server.joinpath("environ").read_text() + server.joinpath("cmdline").read_text()
    printed = "".join(run.stdout + run.stderr for run in runs)
    assert "Traceback" not in printed and "leak" in printed
    assert [find_key(text) for text in (printed, left, read_files(shell.home))] == [[], [], []]
