"""Standard output and standard error, cleaned: whatever is printed can neither steer a terminal nor show a secret."""

import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from activities.known_secrets import redact_text
from runtime.text.wording import make_lines_printable


def clean_text(text: str) -> str:
    """Return the text without control characters and secrets."""
    return make_lines_printable(redact_text(text))


class PrintableStream:
    """An output stream that replaces control characters in whatever is written. A console writes past it."""

    def __init__(self, stream: TextIO) -> None:
        self.rich_proxied_file = stream
        """Where a console writes, by rich's convention: its colours are control characters."""

    def write(self, text: str) -> int:
        """Write the text without control characters and secrets."""
        return self.rich_proxied_file.write(clean_text(text))

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


@contextmanager
def guard_output() -> Generator[None]:
    """Clean all that is printed to standard output and standard error inside the context, by libraries, too.

    Letters that the terminal's encoding lacks are printed as escapes instead of ending the command.
    """
    streams = sys.stdout, sys.stderr
    for stream in streams:
        with suppress(AttributeError, ValueError):
            cast(Any, stream).reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = (cast(TextIO, PrintableStream(stream)) for stream in streams)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
