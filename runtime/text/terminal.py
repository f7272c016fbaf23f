"""The console of all commands: text that comes from outside is shown as text, never read as markup."""

import sys
from collections.abc import Iterable
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from runtime.text.guarded_streams import clean_text


class TextConsole(Console):
    """A console that reads no markup and no emoji names in text, and prints no control characters of it."""

    def __init__(self, **options: Any) -> None:
        """`options` are rich's. Without a `file`, it writes to the standard output or error of this moment, past what
        cleans it and past a live screen."""
        options.setdefault("file", find_stream(sys.stderr if options.get("stderr") else sys.stdout))
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return text as it is, whoever asks for markup. It is cleaned here, before rich measures it."""
        as_it_is: dict[str, Any] = {**options, "markup": False, "emoji": False}
        return super().render_str(clean_text(text), **as_it_is)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of something, their texts cleaned; rich's own control sequences stay."""
        for segment in super().render(renderable, options):
            cleaned = segment.text if segment.control else clean_text(segment.text)
            yield segment if cleaned is segment.text else Segment(cleaned, segment.style)


def find_stream(stream: TextIO) -> TextIO:
    """Return the stream behind those that clean what is written, or put it above a live screen."""
    while (inner := getattr(stream, "rich_proxied_file", None)) is not None:
        stream = inner
    return stream
