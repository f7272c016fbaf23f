"""The command line, `uv run starter.py`, and the Python API, `from starter import generate`."""

import gc
import sys
from typing import TYPE_CHECKING, Any

from cyclopts import CycloptsError

from runtime.cli.app import build_command_line
from runtime.errors import SetupError
from runtime.text.guarded_streams import guard_output
from runtime.worker.current_process import exit_now

if TYPE_CHECKING:
    from runtime.api import GenerationFailed, generate

GC_THRESHOLD = 50_000
"""New objects after which garbage is collected. Imports create many objects that all stay: at the default of 700,
scanning them over and over takes an eighth of the time that a start takes."""

__all__ = ["GenerationFailed", "generate", "main"]


def __getattr__(name: str) -> Any:
    """Import the Python API when it is first used: that takes a second, which the command line does not need."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from runtime import api

    return getattr(api, name)


def main() -> int:
    """Run the command that `sys.argv` names and return its exit code. A mistake of the caller is printed as a sentence,
    with exit code 2, never as a traceback; the traceback of an error that nobody expected is written to a file."""
    gc.set_threshold(GC_THRESHOLD)
    with guard_output():
        return _run_command()


def _run_command() -> int:
    try:
        code = build_command_line()(sys.argv[1:], print_error=False, exit_on_error=False, result_action="return_value")
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except CycloptsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1
    except OSError as error:  # a full disk, a folder that cannot be written
        print(f"error: {error}", file=sys.stderr)
        return 1
    except Exception as error:
        from runtime.worker.crash_file import write_crash_file  # with imports that the command line does not need

        print(f"error: {write_crash_file(error)}", file=sys.stderr)
        return 1
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    exit_now(main())
