"""The model's endpoint: which one, with which key, and what one call of it gives."""

import json
import os
import re
from dataclasses import dataclass, field
from typing import Any

import httpx2
from openai import AsyncOpenAI, DefaultAioHttpClient

from activities.failures import UnusableAnswer, setup_error
from quire.request import ModelChoice

OPENAI = "https://api.openai.com/v1"
SIMULATOR = "simulator"
_REASONING = re.compile(r"^(?:o[1-9]\d*|gpt-(?:[5-9]|\d{2,}))(?:[-.].*)?$")


def reasons(model: str) -> bool:
    """Whether the model thinks first: o1, o3, o4, gpt-5 and later families, behind any `vendor/` prefix."""
    return bool(_REASONING.match(model.rsplit("/", 1)[-1].lower()))


@dataclass(frozen=True)
class Answer:
    """One answer, as kept in the store."""

    text: str
    finish_reason: str
    refusal: str | None
    usage: dict[str, int]
    model: str
    simulated: bool

    def dump(self) -> bytes:
        return json.dumps(self.__dict__, ensure_ascii=False).encode()

    @staticmethod
    def load(data: bytes) -> "Answer":
        return Answer(**json.loads(data))


@dataclass
class Endpoints:
    """The clients of one worker process, one per address and key variable, made when first needed.

    `offline` is the address of the simulator where neither OPENAI_API_KEY nor OPENAI_BASE_URL is set.
    """

    offline: str | None = None
    _clients: dict[tuple[str, str], AsyncOpenAI] = field(default_factory=dict[tuple[str, str], AsyncOpenAI])

    def address(self, model: ModelChoice) -> str:
        """Where calls go."""
        return model.base_url or os.environ.get("OPENAI_BASE_URL") or self.offline or OPENAI

    def identity(self, model: ModelChoice) -> str:
        """The address as answers are filed under: the simulator's port changes with every start."""
        address = self.address(model)
        return SIMULATOR if address == self.offline else address

    def client(self, model: ModelChoice) -> AsyncOpenAI:
        """A client whose own retries are off: Temporal owns them."""
        address = self.address(model)
        wanted = (address, model.api_key_env)
        if wanted not in self._clients:
            self._clients[wanted] = AsyncOpenAI(
                base_url=address,
                api_key=self._key(model, address),
                max_retries=0,
                timeout=httpx2.Timeout(model.timeout_seconds * 1.5, connect=10),
                http_client=DefaultAioHttpClient(),
            )
        return self._clients[wanted]

    def _key(self, model: ModelChoice, address: str) -> str:
        key = os.environ.get(model.api_key_env, "").strip()
        if not key and address == OPENAI:
            raise setup_error(f"the environment variable {model.api_key_env} is not set; it must hold the API key")
        return key or "none"

    async def close(self) -> None:
        """Close every client."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()


def body_of(
    model: ModelChoice, messages: list[dict[str, str]], entry: dict[str, Any], count: int, *, strictly: bool
) -> dict[str, Any]:
    """The request body for exactly `count` entries of this schema."""
    schema = {
        "type": "object",
        "properties": {"items": {"type": "array", "minItems": count, "maxItems": count, "items": entry}},
        "required": ["items"],
        "additionalProperties": False,
    }
    form = {"name": "items", "strict": strictly, "schema": schema}
    body: dict[str, Any] = {
        "model": model.name,
        "messages": messages,
        "response_format": {"type": "json_schema", "json_schema": form},
    }
    if reasons(model.name):
        body["max_completion_tokens"] = model.max_output_tokens
    else:
        body["max_tokens"] = model.max_output_tokens
        if model.temperature is not None:
            body["temperature"] = model.temperature
    return body


async def call(client: AsyncOpenAI, body: dict[str, Any]) -> Answer:
    """One call. Raises the client's errors, and UnusableAnswer for a 200 that is no chat completion."""
    try:
        completion = await client.chat.completions.create(**body)
    except json.JSONDecodeError as error:
        raise UnusableAnswer("the endpoint answered 200 with a body that is not JSON") from error
    choices = getattr(completion, "choices", None)
    if not choices or choices[0].message is None:
        raise UnusableAnswer("the endpoint answered 200 without a choice; is the base URL that of an OpenAI API?")
    choice, usage = choices[0], completion.usage
    prompt = getattr(usage, "prompt_tokens_details", None)
    output = getattr(usage, "completion_tokens_details", None)
    return Answer(
        text=choice.message.content or "",
        finish_reason=choice.finish_reason or "",
        refusal=choice.message.refusal,
        usage={
            "prompt_tokens": getattr(usage, "prompt_tokens", 0) or 0,
            "cached_tokens": getattr(prompt, "cached_tokens", 0) or 0,
            "completion_tokens": getattr(usage, "completion_tokens", 0) or 0,
            "reasoning_tokens": getattr(output, "reasoning_tokens", 0) or 0,
        },
        model=completion.model or body["model"],
        simulated=completion.system_fingerprint == "quire-simulator",
    )
