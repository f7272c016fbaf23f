"""A wrong key is told before a run exists: the endpoint's list of models costs nothing. So is a server that is not
there."""

import asyncio
import os
from urllib.parse import urlsplit

from activities.model.request_body import OPENAI
from quire.request import ModelChoice, Request
from runtime.errors import SetupError


async def keys_are_accepted(request: Request) -> None:
    """Ask the endpoint of each model that the request names, each endpoint once."""
    for model in endpoints_of(request):
        await _key_is_accepted(model)


def endpoints_of(request: Request) -> list[ModelChoice]:
    """One of the models at each endpoint that the request names."""
    named = [request.model, request.generator]
    named += [model.instead(step) for model in named for step in range(1, len(model.fallbacks) + 1)]
    return list({(model.base_url, model.api_key_env): model for model in named}.values())


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
    if not address.startswith(("http://", "https://")):
        raise SetupError(f"the endpoint's address '{address}' does not begin with http:// or https://")
    if "@" in urlsplit(address).netloc:  # not shown: what stands there is a secret
        raise SetupError(
            f"the endpoint's address holds a user or password; leave them out and put the key into {model.api_key_env}"
        )
    # Only for endpoints that are not the simulator. It is the client of the calls, which a worker here needs anyway.
    from httpx2 import InvalidURL
    from openai import APIConnectionError, APIStatusError

    from activities.model.http_client import Client

    try:
        async with Client.of(address, key, 10) as client:
            await client.models.with_raw_response.list()
    except APIStatusError as error:
        if error.status_code in (401, 403):
            raise SetupError(
                f"{address} refused the API key in {model.api_key_env} (HTTP {error.status_code}); set the right one"
            ) from None
    except (APIConnectionError, InvalidURL) as error:
        said = error.__cause__ or error
        raise SetupError(f"no answer from the endpoint {address}: {said or type(said).__name__}") from None


async def mlflow_answers(request: Request) -> None:
    """Raise SetupError where the MLflow server that the request names does not answer, or its client is missing."""
    said = request.output.mlflow
    if said is None:
        return
    from activities.tracking.mlflow_client import Tracker, TrackingError, told

    try:
        tracker = await asyncio.to_thread(told, said.tracking_uri, Tracker, said)
        await asyncio.to_thread(told, said.tracking_uri, tracker.answers)
    except TrackingError as error:
        raise SetupError(f"output.mlflow: {error}") from None
