"""The simulator by itself, over HTTP."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any

import jsonschema_rs
import pytest

from runtime.paths import ROOT
from simulator.options import Options
from simulator.server import SimulatorServer

ITEM = {
    "type": "object",
    "properties": {
        "slot": {"type": "integer"},
        "kind": {"enum": ["plain", "audit trail"]},
        "ids": {"type": "array", "items": {"type": "string", "enum": ["R-1", "R-2", "R-10"]}},
        "code": {"type": "string", "pattern": r"^[A-Z]{3}-\d{2,4}$"},
        "when": {"type": "string", "format": "date"},
        "text": {"type": "string", "minLength": 30},
        "share": {"type": "number", "minimum": 0, "maximum": 1},
        "next": {"anyOf": [{"$ref": "#/$defs/step"}, {"type": "null"}]},
    },
    "required": ["slot", "kind", "ids", "code", "when", "text", "share", "next"],
    "additionalProperties": False,
}
SCHEMA = {
    "type": "object",
    "properties": {"items": {"type": "array", "minItems": 2, "maxItems": 2, "items": ITEM}},
    "required": ["items"],
    "$defs": {"step": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}},
}
PROMPT = "Make these:\nslot 7: audit trail of R-1 and R-10\nslot 9: plain R-2\n"


def request_completion(server: SimulatorServer, key: str = "none", **changes: Any) -> dict[str, Any]:
    body = {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": PROMPT}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "items", "schema": SCHEMA}},
    }
    request = urllib.request.Request(
        f"{server.base_url}/chat/completions",
        json.dumps(body | changes).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def message_content(reply: dict[str, Any]) -> str:
    return reply["choices"][0]["message"]["content"]


def test_answers_match_the_schema_and_the_slots_of_the_prompt():
    with SimulatorServer() as server:
        text = message_content(request_completion(server))
        assert text == message_content(request_completion(server)), "the same request gives the same text"
        assert text != message_content(request_completion(server, seed=1))
    answer = json.loads(text)
    jsonschema_rs.validator_for(SCHEMA, offline=True, validate_formats=True).validate(answer)
    first, second = answer["items"]
    assert (first["slot"], first["kind"], first["ids"]) == (7, "audit trail", ["R-1", "R-10"])
    assert (second["slot"], second["ids"]) == (9, ["R-2"]) and first["text"] != second["text"]


def test_max_tokens_cuts_the_answer_off():
    with SimulatorServer() as server:
        complete, cut = request_completion(server), request_completion(server, max_tokens=20)
    assert cut["choices"][0]["finish_reason"] == "length" and cut["usage"]["completion_tokens"] == 20
    assert len(message_content(cut)) == 80 and complete["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(("fault", "status"), [("rate_limit", 429), ("server_error", 500)])
def test_faults_with_an_http_status(fault, status):
    with SimulatorServer(Options(**{fault: 1.0}, retry_after=2)) as server:
        with pytest.raises(urllib.error.HTTPError) as raised:
            request_completion(server)
        assert raised.value.code == status and server.stats()["faults"] == {fault: 1}
        if status == 429:
            assert raised.value.headers["retry-after"] == "2"


def test_faults_in_the_content_of_an_answer():
    with SimulatorServer(Options(bad_json=1.0)) as server, pytest.raises(ValueError):
        json.loads(message_content(request_completion(server)))
    with SimulatorServer(Options(too_few=1.0)) as server:
        assert len(json.loads(message_content(request_completion(server)))["items"]) == 1
    with SimulatorServer(Options(refusal=1.0)) as server:
        message = request_completion(server)["choices"][0]["message"]
        assert message["content"] is None and message["refusal"]


def test_a_dropped_connection_raises_a_connection_error():
    with SimulatorServer(Options(drop=1.0)) as server, pytest.raises((OSError, HTTPException)) as raised:
        request_completion(server)
    assert not isinstance(raised.value, urllib.error.HTTPError)


def test_a_wrong_key_and_a_temperature_for_a_reasoning_model_are_refused():
    with SimulatorServer(Options(api_key="right")) as server:
        assert request_completion(server, key="right")["object"] == "chat.completion"
        for changes, status in (({"key": "wrong"}, 401), ({"key": "right", "model": "o3-mini", "temperature": 0}, 400)):
            with pytest.raises(urllib.error.HTTPError) as raised:
                request_completion(server, **changes)
            assert raised.value.code == status


def test_invalid_options_exit_with_2_and_help_explains_the_valid_ones():
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "simulator", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)

    assert run("--rate-limit", "2").returncode == 2
    assert "--too-few" in run("--help").stdout


@pytest.mark.parametrize("limit", [{"rpm": 3}, {"tpm": 600}])
def test_calls_above_the_rate_limit_are_refused_and_logged_by_the_second(limit):
    with SimulatorServer(Options(**limit)) as server:
        codes = []
        for seed in range(20):
            try:
                request_completion(server, seed=seed)
                codes.append(200)
            except urllib.error.HTTPError as error:
                codes.append(error.code)
        stats = server.stats()
    answered = codes.count(200)
    assert codes == [200] * answered + [429] * (20 - answered)
    assert answered == limit.get("rpm", answered) and 1 <= answered < 20
    seconds = stats["seconds"]["gpt-4o"]
    assert sum(calls for _, calls, _ in seconds) == 20
    assert sum(tokens for _, _, tokens in seconds) == stats["prompt_tokens"] + stats["completion_tokens"]
