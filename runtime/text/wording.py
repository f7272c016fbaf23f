"""How amounts, and text from models and endpoints, are written for people."""

import textwrap
import time


def make_printable(text: str) -> str:
    """Return the text as one line without control characters: text of a model or an endpoint must not steer a
    terminal."""
    return "".join(
        letter if letter.isprintable() else " " if letter.isspace() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def make_lines_printable(text: str) -> str:
    """Return the text without control characters, as `make_printable` does, with its lines and tabs."""
    if text.isprintable():
        return text
    return "\n".join("\t".join(map(make_printable, line.split("\t"))) for line in text.split("\n"))


def wrap_text(text: str, width: int, *, indent: int = 0) -> str:
    """Wrap text to lines of at most `width` columns and indent all but the first. Words are never cut, so that ids and
    addresses can be copied from the screen."""
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


def shorten_middle(name: str, width: int) -> str:
    """Fit a name into `width` columns by leaving out its middle: topic paths begin alike and differ at the end."""
    if len(name) <= width:
        return name
    head = (width - 1) // 3
    return f"{name[:head]}…{name[len(name) - (width - 1 - head) :]}"


def format_usd(usd: float | None) -> str:
    """Format US dollars: cents from a dollar up, four decimals below. None is `price unknown`, never $0."""
    if usd is None:
        return "price unknown"
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:.4f}"


def format_time_of_day(timestamp: float) -> str:
    """Format seconds since 1970 as the local time of day, `14:03:59`."""
    return time.strftime("%H:%M:%S", time.localtime(timestamp))


def format_count(count: int, noun: str) -> str:
    """Format a count with its noun: `1 call`, `3,000 calls`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
