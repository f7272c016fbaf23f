"""A wrong key is told before a run exists: the endpoint's list of models costs nothing."""

import os

from activities.body import OPENAI
from quire.request import ModelChoice, Request
from runtime.errors import SetupError


async def keys_are_accepted(request: Request) -> None:
    """Ask the endpoint of each model that the request names, each endpoint once."""
    named = [request.model, request.generator]
    named += [model.instead(step) for model in named for step in range(1, len(model.fallbacks) + 1)]
    models = {(model.base_url, model.api_key_env): model for model in named}
    for model in models.values():
        await _key_is_accepted(model)


async def _key_is_accepted(model: ModelChoice) -> None:
    """Raise SetupError where the endpoint refuses the key or does not answer. Endpoints without that list pass."""
    key = os.environ.get(model.api_key_env, "").strip()
    address = model.base_url or os.environ.get("OPENAI_BASE_URL")
    if address is None:
        if not os.environ.get("OPENAI_API_KEY"):
            return  # the offline simulator
        address = OPENAI
    if address == OPENAI and not key:
        raise SetupError(f"the environment variable {model.api_key_env} is not set; it must hold the API key")
    import httpx2  # only for endpoints that are not the simulator

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        async with httpx2.AsyncClient(timeout=10) as client:
            answer = await client.get(f"{address.rstrip('/')}/models", headers=headers)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise SetupError(f"no answer from the endpoint {address}: {error or type(error).__name__}") from None
    if answer.status_code in (401, 403):
        raise SetupError(
            f"{address} refused the API key in {model.api_key_env} (HTTP {answer.status_code}); set the right one"
        )
