"""The command line: check, run, watch and collect."""

import sys

from cyclopts import CycloptsError

from runtime import commands, mending, recipe_commands, steering, stories, topic_commands
from runtime.api import GenerationFailed, generate
from runtime.app import app
from runtime.errors import SetupError
from runtime.leaving import leave

__all__ = [
    "GenerationFailed", "commands", "generate", "main", "mending", "recipe_commands", "steering", "stories",
    "topic_commands",
]  # fmt: skip


def main() -> int:
    """Run one command; a person's mistake is a sentence and exit code 2, never a traceback."""
    try:
        code = app(sys.argv[1:], exit_on_error=False, result_action="return_value")
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
