"""Texts that try to steer what shows them, and the judgement of what came out on the other side."""

import re

HOSTILE_TEXTS = (
    "[/x] closes nothing",
    "[link=http://evil.example]safe[/link]",
    "[red]loud[/red] :smile:",
    "\x1b[31mred\x1b[0m\x1b[2J\x1b[H",
    "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x1b]0;title\x07\x1b]52;c;ZXZpbA==\x07",
    "\x9b31mC1 \x9d0;title\x9c",
    "over\rwritten\b\b\b\x7f\x00",
    "\u202eright to left\u202c \u2066isolated\u2069",
    "zero\u200bwidth\u200djoined\ufeff\u00ad",
    "line\u2028separator\u2029paragraph\x85next",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "](javascript:alert(1)) ![x](http://evil.example/p.png)",
    "`code` ``` fence\n# heading\n- list\n| cell | cell |\n",
    "http://evil.example/login www.evil.example me@evil.example",
    "{{ 7*7 }}{% raw %} ${7*7} $$x$$",
    '=HYPERLINK("http://evil.example")',
    "]]></w:t>&lt;&#x1b;&amp;\ufffe\uffff",
)
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What rich itself writes to a terminal: colours, and moves of the cursor on a live screen."""


def find_control_characters(text: str, *, is_terminal: bool = False) -> list[str]:
    """Return the characters that could steer a terminal, besides line ends and tabs; on a terminal, besides colours."""
    bare = _COLOURS.sub("", text.replace("\r\n", "\n")) if is_terminal else text
    return [letter for letter in bare if not letter.isprintable() and letter not in "\n\t\u00a0"]
