"""A finding of `doctor`: the state of one thing that a run needs, and how to fix it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

CHECK_TIMEOUT = 10.0
"""Seconds that one check may take."""
State = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class Finding:
    """The state of one thing. `note` is no fault, but a person may want to know it."""

    subject: str
    state: State
    message: str
    fix: str = ""
    """Commands or actions that put it right, separated by `; `."""

    def to_json(self) -> dict[str, str]:
        """Return the finding under the field names that `doctor --json` prints."""
        return {"what": self.subject, "state": self.state, "said": self.message, "mend": self.fix}


Check = Callable[[], Awaitable[list[Finding]]]


async def run_check(subject: str, check: Check, fix: str) -> list[Finding]:
    """Return the findings of a check, or one with `fix` that it took longer than `CHECK_TIMEOUT`."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            return await check()
    except TimeoutError:
        return [Finding(subject, "wrong", f"no answer within {CHECK_TIMEOUT:g} s", fix)]


def hide_credentials(address: str) -> str:
    """Return an address without the user name and the password that it may carry."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "an address that cannot be read"
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
