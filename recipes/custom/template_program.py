"""The process that renders templates which may grow without bound: its memory is limited, and nothing else runs in it.

It is started by its path and imports nothing of Quire. It reads a line of JSON for each task and writes one for each
result.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

MEMORY_BYTES = 150_000_000
"""Memory of templates and their values; the values of a request have at most 10 MB, its documents more."""


def build_environment(fuel: int, finalizer: Callable[[Any], Any] | None = None) -> Any:
    """Return the environment of users' templates: strict about names, nothing escaped, `fuel` steps at most."""
    import minijinja

    return minijinja.Environment(
        undefined_behavior="strict",
        fuel=fuel,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_escape_callback=lambda _: False,
        filters={"json": _format_json},
        finalizer=finalizer,
    )


def _format_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def serve_tasks(environment: Any) -> None:
    """Answer tasks until standard input ends: [kind, template, values or null for the same as before, own values]."""
    shared: dict[str, Any] = {}
    for line in sys.stdin:
        kind, template, common, own = json.loads(line)
        shared = shared if common is None else common
        run: Callable[..., Any] = environment.render_str if kind == "render" else environment.eval_expr
        try:
            value = run(template, **{**shared, **own})
            answer = [True, str(value) if kind == "render" else bool(value)]
        except (RuntimeError, ValueError, TypeError) as error:
            answer = [False, str(error)]
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def limit_memory() -> None:
    """Bound the address space of this process to what it has now and `MEMORY_BYTES` more, where the system can."""
    try:
        import resource

        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        return
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, used + MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.path.append(sys.argv[1])
    templates = build_environment(int(sys.argv[2]))
    limit_memory()
    serve_tasks(templates)
