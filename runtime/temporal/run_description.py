"""Summary and steering help of a run, set when it is started and shown on its page in the Web UI."""

from quire.commands import starter_command
from quire.request import Request
from workflows.display.web_ui_markdown import escape_markdown, format_code


def build_summary(request: Request) -> str:
    """Return a line of at most 200 bytes: target, recipe and models."""
    generator, planner = request.generator.name, request.model.name
    target = f"{request.target} items, " if request.target else ""
    models = generator if generator == planner else f"{generator} and {planner}"
    summary = f"{target}{request.recipe} with {models}"
    return (
        escape_markdown(summary.encode("utf-8", "replace")[:150].decode(errors="ignore"))
        .encode()[:200]
        .decode(errors="ignore")
    )


def build_steering_help(id: str) -> str:
    """Return in Markdown how the run can be steered from its page and in a terminal."""
    return f"""**From here**, under More Actions:

- Send a Signal: `pause`, `resume`, `finish_now`
- Send an Update: `set_concurrency`, `raise_budget`, `retry_failed`, `extend`, `approve`

Request Cancellation lets calls in flight finish, and assembles what has been generated.

**In a terminal:**

- {format_code(starter_command("watch", id))}
- {format_code(starter_command("pause", id))}, `resume`, `finish`, `cancel`
- {format_code(starter_command("status", id))}
"""
