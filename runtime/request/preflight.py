"""Free checks before a run exists: its endpoints accept their keys, and its MLflow server answers."""

import asyncio
import sys

from activities.model.environment import ModelEnvironment, parse_host
from quire.request import SIMULATOR, ModelChoice, Request
from runtime.errors import SetupError
from runtime.temporal.settings import read_model_environment
from runtime.text import console


async def check_keys(request: Request, *, ask: bool = False) -> None:
    """Ask each endpoint that the request names for its models. Raises SetupError if one refuses the key or is away.

    A key goes only to the hosts that the environment allows; with `ask`, a person at a terminal may allow another.
    """
    environment = read_model_environment()
    models = list_endpoints(request)
    for model in models:
        _require_permission(model, environment, ask=ask)
    for model in models:
        await _check_key(model, environment)


def _require_permission(model: ModelChoice, environment: ModelEnvironment, *, ask: bool) -> None:
    """Raise SetupError if the model's key must not be sent to its address, before anything is sent anywhere."""
    address = model.base_url or environment.own_address
    if address == SIMULATOR:
        return
    reason = environment.explain_refusal(model, address)
    if reason and ask and environment.may_allow(model, address) and sys.stdin.isatty() and sys.stderr.isatty():
        host = parse_host(address)
        console.print_note(f"The request sends the key in {model.api_key_env} to {host}. Allow it, from now on? [y/N] ")
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            environment.remember_host(host)
            return
    if reason:
        raise SetupError(reason)


def list_endpoints(request: Request) -> list[ModelChoice]:
    """Return one model for each endpoint that the request names, that of embeddings included if they are made."""
    models = [request.model, request.generator]
    models += [model.choose_for_step(step) for model in models for step in range(1, len(model.fallbacks) + 1)]
    if request.duplicates.method == "semantic":
        models.append(request.embedder)
    return list({(model.base_url, model.api_key_env): model for model in models}.values())


async def _check_key(model: ModelChoice, environment: ModelEnvironment) -> None:
    """Raise SetupError if the endpoint refuses the key or does not answer. Endpoints without a list of models pass."""
    address, key = model.base_url or environment.own_address, environment.read_key(model.api_key_env)
    if address == SIMULATOR:
        return
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
