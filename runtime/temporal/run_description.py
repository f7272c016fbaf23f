"""What a run's page in the Web UI says of how to steer it; set when it is started."""

from quire.request import Request


def summary(request: Request) -> str:
    """One line, up to 200 bytes."""
    makes, plans = request.generator.name, request.model.name
    target = f"{request.target} items, " if request.target else ""
    models = makes if makes == plans else f"{makes} and {plans}"
    return f"{target}{request.recipe} with {models}".encode()[:200].decode(errors="ignore")


def steering(name: str) -> str:
    """Markdown."""
    return f"""**From here**, under More Actions:

- Send a Signal: `pause`, `resume`, `finish_now`
- Send an Update: `set_concurrency`, `raise_budget`, `retry_failed`, `extend`, `approve`

Request Cancellation lets calls in flight finish, and binds what is there.

**In a terminal:**

- `uv run starter.py watch {name}`
- `uv run starter.py pause {name}`, `resume`, `finish`, `cancel`
- `uv run starter.py status {name}`
"""
