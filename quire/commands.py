"""The commands that messages tell people to type."""

import shlex


def starter_command(*words: str) -> str:
    """Return a command line of `starter.py` that can be pasted into a shell: `uv run starter.py resume ID`."""
    return shlex.join(("uv", "run", "starter.py", *words))
