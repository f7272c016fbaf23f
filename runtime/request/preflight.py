"""Free checks before a run exists: its endpoints accept their keys, and its MLflow server answers."""

import asyncio
import os
from urllib.parse import urlsplit

from activities.errors import missing_key_message
from activities.model.request_body import OPENAI
from quire.request import ModelChoice, Request
from runtime.errors import SetupError


async def check_keys(request: Request) -> None:
    """Ask each endpoint that the request names for its models. Raises SetupError if one refuses the key or is away."""
    for model in list_endpoints(request):
        await _check_key(model)


def list_endpoints(request: Request) -> list[ModelChoice]:
    """Return one model for each endpoint that the request names."""
    models = [request.model, request.generator]
    models += [model.choose_for_step(step) for model in models for step in range(1, len(model.fallbacks) + 1)]
    return list({(model.base_url, model.api_key_env): model for model in models}.values())


async def _check_key(model: ModelChoice) -> None:
    """Raise SetupError if the endpoint refuses the key or does not answer. Endpoints without a list of models pass."""
    key = os.environ.get(model.api_key_env, "").strip()
    address = model.base_url or os.environ.get("OPENAI_BASE_URL")
    if address is None:
        if not os.environ.get("OPENAI_API_KEY"):
            return  # the offline simulator
        address = OPENAI
    if address == OPENAI and not key:
        raise SetupError(missing_key_message(model.api_key_env))
    if not address.startswith(("http://", "https://")):
        raise SetupError(f"the endpoint's address '{address}' does not begin with http:// or https://")
    if "@" in urlsplit(address).netloc:  # the message must not show them
        raise SetupError(
            f"the endpoint's address holds a user or password; leave them out and put the key into {model.api_key_env}"
        )
    # not needed for the simulator; a worker in this process imports them anyway
    from httpx2 import InvalidURL
    from openai import APIConnectionError, APIStatusError

    from activities.model.http_client import open_client

    try:
        async with open_client(address, key, 10) as client:
            await client.models.with_raw_response.list()
    except APIStatusError as error:
        if error.status_code in (401, 403):
            raise SetupError(
                f"{address} refused the API key in {model.api_key_env} (HTTP {error.status_code}); set the right one"
            ) from None
    except (APIConnectionError, InvalidURL) as error:
        cause = error.__cause__ or error
        raise SetupError(f"no answer from the endpoint {address}: {cause or type(cause).__name__}") from None


async def check_mlflow(request: Request) -> None:
    """Raise SetupError if the MLflow server that the request names does not answer, or its client is not installed."""
    mlflow = request.output.mlflow
    if mlflow is None:
        return
    from activities.tracking.mlflow_client import Tracker, TrackingError, with_tracking_errors

    try:
        tracker = await asyncio.to_thread(with_tracking_errors, mlflow.tracking_uri, Tracker, mlflow)
        await asyncio.to_thread(with_tracking_errors, mlflow.tracking_uri, tracker.check_connection)
    except TrackingError as error:
        raise SetupError(f"output.mlflow: {error}") from None
