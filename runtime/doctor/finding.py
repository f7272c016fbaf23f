"""What `doctor` finds: one remark for each thing that it looks at, and how long it may look."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

PATIENCE = 10.0
"""Seconds that one look may take."""
State = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class Remark:
    """How one thing is. `note`: nothing is wrong, but a person may want to know."""

    what: str
    state: State
    said: str
    mend: str = ""
    """The command, or the words, that make it right."""


Look = Callable[[], Awaitable[list[Remark]]]


async def bounded(what: str, look: Look, mend: str) -> list[Remark]:
    """What a look finds, or that it took too long."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await look()
    except TimeoutError:
        return [Remark(what, "wrong", f"no answer within {PATIENCE:g} s", mend)]


def public(address: str) -> str:
    """An address without the user and the password that it may carry."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "an address that cannot be read"
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
