"""How amounts and strange text are put for a person."""

import textwrap
import time


def printable(text: str) -> str:
    """One line without control characters: what a model or an endpoint said must not steer a terminal."""
    return "".join(
        letter if letter.isprintable() else " " if letter.isspace() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def wrapped(text: str, width: int, *, indent: int = 0) -> str:
    """Lines of at most `width` columns, those after the first indented. A word is never cut: ids and addresses are
    copied from the screen."""
    return "\n".join(
        textwrap.fill(
            line,
            max(width, indent + 20),
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in text.splitlines()
    )


def shortened(name: str, room: int) -> str:
    """A name in so many columns: its middle is left out, since paths of topics begin alike and end apart."""
    if len(name) <= room:
        return name
    head = (room - 1) // 3
    return f"{name[:head]}…{name[len(name) - (room - 1 - head) :]}"


def duration(seconds: float) -> str:
    """`45 s`, `1 min 20 s`, `2 h 10 min`, `3 d 4 h`."""
    whole = round(seconds)
    for large, small, big, little in ((86_400, 3600, "d", "h"), (3600, 60, "h", "min"), (60, 1, "min", "s")):
        if whole >= large:
            rest = whole % large // small
            return f"{whole // large} {big}" + (f" {rest} {little}" if rest else "")
    return f"{whole} s"


def money(usd: float | None) -> str:
    """US dollars; a price that nobody knows is told as such."""
    if usd is None:
        return "price unknown"
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:.4f}"


def clock(seconds: float) -> str:
    """A time of day where the person is, from seconds since 1970."""
    return time.strftime("%H:%M:%S", time.localtime(seconds))


def several(count: int, one: str) -> str:
    """`1 call`, `3 calls`."""
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"
