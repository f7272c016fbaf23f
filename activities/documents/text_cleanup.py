"""Text that came out of a document as people would have typed it: whole words and whole requirement ids. Pure."""

import re

_PLAIN = str.maketrans(
    {
        "\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl",
        "\ufb05": "st", "\ufb06": "st",
        "\u2010": "-", "\u2011": "-", "\u00a0": " ", "\u202f": " ", "\u2007": " ",
        "\u00ad": None, "\u200b": None, "\u200c": None, "\u200d": None, "\ufeff": None,
    }
)  # fmt: skip
"""Ligatures, hyphens and spaces that only typesetters tell apart, and what has no width."""
_ID = r"\b[A-Z][A-Z0-9]{1,11}(?:-[A-Z0-9]{1,6})*"
_AT_END = re.compile(rf"({_ID})-\n[ \t]*(?=\d)")
_AT_START = re.compile(rf"({_ID})[ \t]*\n[ \t]*-(?=\d{{2}})")
_DASH = re.compile(rf"({_ID})[\u2012\u2013\u2212](?=\d{{2}})")
_SOFT_BREAK = re.compile("\u00ad[ \t]*\n[ \t]*")


def tidy(text: str) -> str:
    """Without ligatures and soft hyphens; an id that was broken over two lines, or set with a dash, is whole."""
    text = _SOFT_BREAK.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).translate(_PLAIN)
    text = _DASH.sub(r"\1-", _AT_START.sub(r"\1-", _AT_END.sub(r"\1-", text)))
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", text)).strip() + "\n"
