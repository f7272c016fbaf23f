"""What `doctor` looks at on the models' endpoints: reachable, key, model, structured output."""

import json
import os
from typing import Any

from activities.model.pricing import list_price
from activities.model.request_body import FORMS, OPENAI, body_of, in_form, reasons
from quire.outcome import Usage
from quire.request import ModelChoice
from runtime.doctor.finding import Remark, public
from runtime.worker.simulator_process import simulator

ENTRY: dict[str, Any] = {
    "type": "object",
    "properties": {"slot": {"type": "integer"}, "colour": {"type": "string"}},
    "required": ["slot", "colour"],
    "additionalProperties": False,
}
ASKED = [
    {"role": "system", "content": "You name colours."},
    {"role": "user", "content": "Name one colour for each slot.\nslot 1: any colour"},
]
ROOM, ROOM_TO_THINK = 200, 2000
"""Output tokens of the call."""
PATIENCE = 8.0
"""Seconds that an endpoint may take over anything."""


async def endpoint(model: ModelChoice, *, call: bool) -> list[Remark]:
    """An endpoint's remarks; the offline simulator's where none is set. A model is called only there, or by `call`."""
    address = model.base_url or os.environ.get("OPENAI_BASE_URL")
    if address is None and not os.environ.get("OPENAI_API_KEY"):
        async with simulator() as offline:
            said = "the offline simulator: neither OPENAI_API_KEY nor OPENAI_BASE_URL is set, so text is simulated"
            note = Remark("endpoint", "note", said, "export OPENAI_API_KEY=..., for a model's text")
            return [note, await _structured(model, offline, "none")]
    address = address or OPENAI
    key = os.environ.get(model.api_key_env, "").strip()
    if not address.startswith(("http://", "https://")):
        said = f"'{public(address)}' does not begin with http:// or https://"
        return [Remark("endpoint", "wrong", said, "export OPENAI_BASE_URL=https://..., or mend model.base_url")]
    found = await _listed(model, address, key)
    if any(remark.state == "wrong" for remark in found):
        return found
    if not call:
        said = "not tried: it takes a call of about a hundred tokens, a fraction of a cent"
        return [*found, Remark("structured output", "note", said, "uv run starter.py doctor --call")]
    return [*found, await _structured(model, address, key)]


async def _listed(model: ModelChoice, address: str, key: str) -> list[Remark]:
    """What the list of models tells, which costs nothing: whether anybody is there, and takes the key."""
    from httpx2 import InvalidURL
    from openai import APIConnectionError, APIStatusError

    from activities.model.http_client import Client

    shown, name = public(address), model.api_key_env
    missing = f"export {name}=..."
    if address == OPENAI and not key:
        return [Remark("key", "wrong", f"{name} is not set, and {shown} needs one", missing)]
    try:
        async with Client.of(address, key, PATIENCE) as client:
            names = {str(one.id) for one in (await client.models.list()).data}
    except APIStatusError as error:
        if error.status_code in (401, 403):
            said = f"{shown} refuses the key in {name} (HTTP {error.status_code})" if key else f"{name} is not set"
            return [Remark("endpoint", "ok", f"{shown} answers"), Remark("key", "wrong", said, missing)]
        if error.status_code >= 500:
            said = f"{shown} answers with HTTP {error.status_code}"
            return [Remark("endpoint", "wrong", said, "try again later, or name another endpoint")]
        names = set[str]()  # it has no such list
    except (APIConnectionError, InvalidURL) as error:
        why = type(error.__cause__ or error).__name__
        mend = "start it, or mend OPENAI_BASE_URL or model.base_url"
        return [Remark("endpoint", "wrong", f"no answer from {shown} ({why})", mend)]
    except ValueError:  # aiohttp's, for an address with a user and a password, which would stand beside the key
        mend = f"take the user and the password out of the address; the key goes into {name}"
        return [Remark("endpoint", "wrong", f"{shown} cannot be called as it is written", mend)]
    return [Remark("endpoint", "ok", f"{shown} answers"), _key(name, key), *_model(model.name, names)]


def _key(name: str, key: str) -> Remark:
    return Remark("key", "ok", f"{name} is set and taken" if key else f"{name} is not set; the endpoint wants none")


def _model(name: str, names: set[str]) -> list[Remark]:
    if not names:
        return [Remark("model", "note", f"{name}; the endpoint has no list to look it up in")]
    if name in names:
        return [Remark("model", "ok", f"{name} is there")]
    some = ", ".join(sorted(names)[:5])
    return [Remark("model", "note", f"{name} is not among the endpoint's {len(names)} models: {some}",
                   "name one that is: model.name in the request")]  # fmt: skip


async def _structured(model: ModelChoice, address: str, key: str) -> Remark:
    """Whether it answers in the JSON Schema that it is given: one small call, another where it refuses the form."""
    from openai import APIConnectionError, APIStatusError, BadRequestError, UnprocessableEntityError

    from activities.model import http_call
    from activities.model.http_client import Client
    from activities.model.http_errors import UnusableAnswer

    what = "structured output"
    small = model.model_copy(update={"max_output_tokens": ROOM_TO_THINK if reasons(model.name) else ROOM})
    body = body_of(small, ASKED, ENTRY, 1, strictly=True)
    async with Client.of(address, key, PATIENCE) as client:
        for form in FORMS:
            try:
                answer = await http_call.whole(client, in_form(body, form))
            except (BadRequestError, UnprocessableEntityError):
                continue
            except APIStatusError as error:
                return Remark(what, "wrong", f"{model.name}: HTTP {error.status_code}", _mend(error.status_code, model))
            except (APIConnectionError, UnusableAnswer) as error:
                return Remark(what, "wrong", f"{model.name}: {type(error).__name__}", "look at the endpoint's own log")
            if not _fits(answer.text):
                said = f"{model.name} took response_format {form} and answered with something else"
                return Remark(what, "wrong", said, "use a model or a server that keeps to a JSON Schema")
            spent = _spent(model.name, answer.usage, answer.simulated)
            if form == "json_schema":
                return Remark(what, "ok", f"{model.name} keeps to a JSON Schema ({spent})")
            return Remark(what, "note", f"{model.name} takes no JSON Schema; Quire asks in the form {form} ({spent})")
    return Remark(what, "wrong", f"{model.name}: every form of the call was refused", "mend model.name or the endpoint")


def _mend(status: int, model: ModelChoice) -> str:
    if status == 404:
        return f"there is no model '{model.name}': mend model.name"
    return "wait, or raise the account's limit" if status == 429 else f"look at the account of {model.api_key_env}"


def _fits(text: str) -> bool:
    try:
        items = json.loads(text)["items"]
        return len(items) == 1 and set(items[0]) == set(ENTRY["required"])
    except (ValueError, KeyError, TypeError):
        return False


def _spent(name: str, usage: dict[str, int], simulated: bool) -> str:
    tokens = f"{usage['prompt_tokens']} tokens in, {usage['completion_tokens']} out"
    price = None if simulated else list_price(name, Usage.model_validate({"calls": 1, **usage}))
    return f"{tokens}, simulated" if simulated else tokens if price is None else f"{tokens}, ${price:.5f}"
