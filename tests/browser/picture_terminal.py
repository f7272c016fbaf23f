"""A command as a person sees it: in a pseudo-terminal, its screen kept by an emulator and drawn as a picture."""

import fcntl
import html
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import pyte
from playwright.async_api import Browser
from pyte.screens import Char

COLOURS = {
    "default": "#d8dee9",
    "black": "#4c566a",
    "red": "#f07178",
    "green": "#a3be8c",
    "brown": "#ebcb8b",
    "blue": "#81a1c1",
    "magenta": "#d08fbf",
    "cyan": "#88c0d0",
    "white": "#eceff4",
}
"""Colours by pyte's names, in which yellow is brown; all others are hexadecimal already."""
PAGE = """<body style="margin:0;background:#1e222a"><pre style="display:inline-block;margin:0;padding:18px 22px;
font:14px/1.35 'DejaVu Sans Mono',monospace;background:#1e222a;color:#d8dee9">{}</pre></body>"""


class PictureTerminal:
    """A process in a pseudo-terminal of this size."""

    def __init__(
        self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], columns: int = 100, rows: int = 45
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._end, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        sized = {"TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": str(rows)}
        self.process = subprocess.Popen(
            command, cwd=cwd, env={**env, **sized}, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)

    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self.screen.display).rstrip()

    def wait_until(self, reached: Callable[[str], bool], seconds: float = 90) -> None:
        """Read on until the screen's text satisfies `reached` or the process has ended. Raises TimeoutError."""
        end = time.monotonic() + seconds
        while not reached(self.text()):
            if time.monotonic() > end:
                raise TimeoutError(f"the screen stayed at:\n{self.text()}")
            if not select.select([self._end], [], [], 0.1)[0]:
                continue
            try:
                read = os.read(self._end, 65536)
            except OSError:  # Linux: nobody has the other end any more
                break
            self._stream.feed(read)

    def close(self) -> int:
        """Wait for the process, which has ended or is about to, and return its exit code."""
        try:
            self.wait_until(lambda _: self.process.poll() is not None, seconds=60)
            return self.process.wait(10)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            os.close(self._end)

    def to_html(self, typed: str) -> str:
        """Return the screen as HTML, below the command as it was typed."""
        last = max((at for at, row in enumerate(self.screen.display) if row.strip()), default=0)
        rows = [[self.screen.buffer[at][column] for column in range(self.screen.columns)] for at in range(last + 1)]
        prompt = f'<span style="color:#a3be8c">$</span> <b>{html.escape(typed)}</b>'
        return PAGE.format("\n".join([prompt, *map(_line_to_html, rows)]))


def _line_to_html(row: list[Char]) -> str:
    spans = ((style, "".join(char.data for char in same)) for style, same in groupby(row, _style_of))
    return "".join(f'<span style="{style}">{html.escape(text)}</span>' for style, text in spans).rstrip()


def _style_of(char: Char) -> str:
    front, back = _colour_of(char.fg), _colour_of(char.bg) if char.bg != "default" else "transparent"
    if char.reverse:
        front, back = "#1e222a", front
    weight = ";font-weight:bold" if char.bold else ""
    return f"color:{front};background:{back}{weight}"


def _colour_of(name: str) -> str:
    if name.removeprefix("bright") in COLOURS:
        return COLOURS[name.removeprefix("bright")]
    return f"#{name}" if len(name) == 6 else COLOURS["default"]


async def draw_picture(browser: Browser, page: str, into: Path) -> None:
    """Write the picture of a page of HTML."""
    tab = await (await browser.new_context(device_scale_factor=1.5)).new_page()
    await tab.set_content(page)
    await tab.locator("pre").screenshot(path=into)
    await tab.context.close()
