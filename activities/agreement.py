"""A run's text is a model's or the simulator's, never some of each because a worker lacks a variable."""

from activities.model.endpoints import Endpoints
from activities.model.http_errors import setup_error
from activities.store.plan_file import OpenPlan


def must_agree(plan: OpenPlan, endpoints: Endpoints) -> None:
    """Raise a setup error, which makes the run wait, where this worker would make the other kind of text."""
    model = plan.request.generator
    simulates = endpoints.simulates(model)
    if plan.simulated is None or plan.simulated == simulates:
        return
    if simulates:
        raise setup_error(
            "the run began with a model, and this worker has neither OPENAI_API_KEY nor OPENAI_BASE_URL: it would "
            "simulate; set the one that your other workers have, and start it again"
        )
    raise setup_error(
        f"the run began with simulated text, and this worker would call {endpoints.address(model)}: run the request "
        "under another --id, or start the worker without OPENAI_API_KEY and OPENAI_BASE_URL"
    )
