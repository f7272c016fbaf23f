"""Checks of `doctor` on the models' endpoints: reachable, key, model, structured output."""

import json
from typing import Any

from activities.model.environment import explain_bad_address
from activities.model.pricing import list_price
from activities.model.request_body import MODES, OPENAI, build_body, in_mode, is_reasoning_model
from quire.commands import starter_command
from quire.outcome import Usage
from quire.request import SIMULATOR, ModelChoice
from runtime.doctor.finding import Finding, hide_credentials
from runtime.temporal.settings import read_model_environment
from runtime.worker.simulator_process import run_simulator

ITEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"slot": {"type": "integer"}, "colour": {"type": "string"}},
    "required": ["slot", "colour"],
    "additionalProperties": False,
}
MESSAGES = [
    {"role": "system", "content": "You name colours."},
    {"role": "user", "content": "Name one colour for each slot.\nslot 1: any colour"},
]
OUTPUT_TOKENS, REASONING_OUTPUT_TOKENS = 200, 2000
"""Output tokens allowed for the small call; a model that reasons first needs more."""
ENDPOINT_TIMEOUT = 8.0
"""Seconds that an endpoint may take for one answer."""
KEY_REFUSED = (401, 403)


async def check_endpoint(model: ModelChoice, *, call: bool) -> list[Finding]:
    """Check a model's endpoint, or the offline simulator if none is configured. A model is called only on the
    simulator, or if `call` is set."""
    environment = read_model_environment()
    address = model.base_url or environment.own_address
    if address == SIMULATOR:
        async with run_simulator() as simulator_url:
            message = "the offline simulator: neither OPENAI_API_KEY nor OPENAI_BASE_URL is set, so text is simulated"
            note = Finding("endpoint", "note", message, "export OPENAI_API_KEY=..., for a model's text")
            return [note, await _check_structured_output(model, simulator_url, "none")]
    key = environment.read_key(model.api_key_env)
    if wrong := explain_bad_address(address):
        without = f"remove the user and the password from the address; the key belongs into {model.api_key_env}"
        fix = without if "@" in address else "export OPENAI_BASE_URL=https://..., or correct model.base_url"
        return [Finding("endpoint", "wrong", hide_credentials(wrong), fix)]
    if environment.may_allow(model, address):
        message = f"{model.api_key_env} is not sent to {address}, which is not the endpoint of this process"
        return [Finding("key", "wrong", message, environment.suggest_allowing(address))]
    findings = await _check_model_list(model, address, key)
    if any(finding.state == "wrong" for finding in findings):
        return findings
    if not call:
        message = "not tried: it takes a call of about a hundred tokens, a fraction of a cent"
        return [*findings, Finding("structured output", "note", message, starter_command("doctor", "--call"))]
    return [*findings, await _check_structured_output(model, address, key)]


async def _check_model_list(model: ModelChoice, address: str, key: str) -> list[Finding]:
    """Check address, key and model by the endpoint's list of models, which costs nothing."""
    from httpx2 import InvalidURL
    from openai import APIConnectionError, APIStatusError

    from activities.model.http_client import open_client

    public_address, variable = hide_credentials(address), model.api_key_env
    set_key = f"export {variable}=..."
    if address == OPENAI and not key:
        return [Finding("key", "wrong", f"{variable} is not set, and {public_address} needs one", set_key)]
    try:
        async with open_client(address, key, ENDPOINT_TIMEOUT) as client:
            names = {str(listed.id) for listed in (await client.models.list()).data}
    except APIStatusError as error:
        status = error.status_code
        if status in KEY_REFUSED:
            message = (
                f"{public_address} refuses the key in {variable} (HTTP {status})" if key else f"{variable} is not set"
            )
            return [Finding("endpoint", "ok", f"{public_address} answers"), Finding("key", "wrong", message, set_key)]
        if status >= 500:
            message = f"{public_address} answers with HTTP {status}"
            return [Finding("endpoint", "wrong", message, "try again later, or choose another endpoint")]
        names = set[str]()  # it has no such list
    except (APIConnectionError, InvalidURL) as error:
        cause = type(error.__cause__ or error).__name__
        fix = "start it, or correct OPENAI_BASE_URL or model.base_url"
        return [Finding("endpoint", "wrong", f"no answer from {public_address} ({cause})", fix)]
    return [
        Finding("endpoint", "ok", f"{public_address} answers"),
        _report_key(variable, key),
        _report_model(model.name, names),
    ]


def _report_key(variable: str, key: str) -> Finding:
    accepted = f"{variable} is set and accepted" if key else f"{variable} is not set; the endpoint needs no key"
    return Finding("key", "ok", accepted)


def _report_model(name: str, names: set[str]) -> Finding:
    if not names:
        return Finding("model", "note", f"{name}; the endpoint has no list to look it up in")
    if name in names:
        return Finding("model", "ok", f"{name} is available")
    examples = ", ".join(sorted(names)[:5])
    message = f"{name} is not among the endpoint's {len(names):,} models: {examples}"
    return Finding("model", "note", message, "set model.name in the request to one of them")


async def _check_structured_output(model: ModelChoice, address: str, key: str) -> Finding:
    """Check that the model answers in a JSON Schema: one small call, and one more for each mode that is refused."""
    from openai import APIConnectionError, APIStatusError, BadRequestError, UnprocessableEntityError

    from activities.model import http_call
    from activities.model.http_client import open_client
    from activities.model.http_errors import UnusableAnswer

    subject = "structured output"
    room = REASONING_OUTPUT_TOKENS if is_reasoning_model(model.name) else OUTPUT_TOKENS
    small = model.model_copy(update={"max_output_tokens": room})
    body = build_body(small, MESSAGES, ITEM_SCHEMA, 1, strictly=True)
    async with open_client(address, key, ENDPOINT_TIMEOUT) as client:
        for mode in MODES:
            try:
                answer = await http_call.fetch_answer(client, in_mode(body, mode))
            except (BadRequestError, UnprocessableEntityError):
                continue
            except APIStatusError as error:
                fix = _suggest_fix(error.status_code, model)
                return Finding(subject, "wrong", f"{model.name}: HTTP {error.status_code}", fix)
            except (APIConnectionError, UnusableAnswer) as error:
                return Finding(subject, "wrong", f"{model.name}: {type(error).__name__}", "read the endpoint's log")
            if not _matches_schema(answer.text):
                message = f"{model.name} accepted response_format {mode} but its answer does not match"
                return Finding(subject, "wrong", message, "use a model or a server that keeps to a JSON Schema")
            cost = _format_cost(model.name, answer.usage, simulated=answer.simulated)
            if mode == "json_schema":
                return Finding(subject, "ok", f"{model.name} keeps to a JSON Schema ({cost})")
            return Finding(subject, "note", f"{model.name} takes no JSON Schema; Quire asks by {mode} instead ({cost})")
    message = f"{model.name}: every mode of the call was refused"
    return Finding(subject, "wrong", message, "correct model.name, or use another endpoint")


def _suggest_fix(status: int, model: ModelChoice) -> str:
    if status == 404:
        return f"there is no model '{model.name}': correct model.name"
    return "wait, or raise the account's limit" if status == 429 else f"check the account of {model.api_key_env}"


def _matches_schema(text: str) -> bool:
    try:
        items = json.loads(text)["items"]
        return len(items) == 1 and set(items[0]) == set(ITEM_SCHEMA["required"])
    except (ValueError, KeyError, TypeError):
        return False


def _format_cost(name: str, usage: dict[str, int], *, simulated: bool) -> str:
    tokens = f"{usage['prompt_tokens']:,} tokens in, {usage['completion_tokens']:,} out"
    price = None if simulated else list_price(name, Usage.model_validate({"calls": 1, **usage}))
    return f"{tokens}, simulated" if simulated else tokens if price is None else f"{tokens}, ${price:.5f}"
