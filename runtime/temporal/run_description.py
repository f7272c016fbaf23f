"""Summary and steering help of a run, set when it is started and shown on its page in the Web UI."""

from quire.commands import starter_command
from quire.request import Request


def build_summary(request: Request) -> str:
    """Return a line of at most 200 bytes: target, recipe and models."""
    generator, planner = request.generator.name, request.model.name
    target = f"{request.target} items, " if request.target else ""
    models = generator if generator == planner else f"{generator} and {planner}"
    return f"{target}{request.recipe} with {models}".encode()[:200].decode(errors="ignore")


def build_steering_help(id: str) -> str:
    """Return in Markdown how the run can be steered from its page and in a terminal."""
    return f"""**From here**, under More Actions:

- Send a Signal: `pause`, `resume`, `finish_now`
- Send an Update: `set_concurrency`, `raise_budget`, `retry_failed`, `extend`, `approve`

Request Cancellation lets calls in flight finish, and assembles what has been generated.

**In a terminal:**

- `{starter_command("watch", id)}`
- `{starter_command("pause", id)}`, `resume`, `finish`, `cancel`
- `{starter_command("status", id)}`
"""
