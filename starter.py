"""The command line: check, run, watch and collect."""

import gc
import sys
from typing import TYPE_CHECKING, Any

from cyclopts import CycloptsError

from runtime.cli.app import command_line
from runtime.errors import SetupError
from runtime.worker.process_exit import leave

if TYPE_CHECKING:
    from runtime.api import GenerationFailed, generate

LOOKED_THROUGH = 50_000
"""New objects after which the collector looks for garbage. Imports make many, and all stay: at the default of 700,
looking at them again and again is an eighth of a start."""

__all__ = ["GenerationFailed", "generate", "main"]


def __getattr__(name: str) -> Any:
    """`generate` and what it raises, for Python: a second of imports that the command line does without."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from runtime import api

    return getattr(api, name)


def main() -> int:
    """Run one command; a person's mistake is a sentence and exit code 2, never a traceback."""
    gc.set_threshold(LOOKED_THROUGH)
    try:
        code = command_line()(sys.argv[1:], exit_on_error=False, result_action="return_value")
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except CycloptsError:
        return 2  # cyclopts has told it
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1
    except OSError as error:  # a full disk, a folder that cannot be written
        print(f"error: {error}", file=sys.stderr)
        return 1
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    leave(main())
