"""Clean up text extracted from a document, so that words and requirement ids are as a person would type them. Pure."""

import re

_REPLACEMENTS = str.maketrans(
    {
        "\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl",
        "\ufb05": "st", "\ufb06": "st",
        "\u2010": "-", "\u2011": "-", "\u00a0": " ", "\u202f": " ", "\u2007": " ",
        "\u00ad": None, "\u200b": None, "\u200c": None, "\u200d": None, "\ufeff": None,
    }
)  # fmt: skip
"""Replacements for ligatures and for typographic hyphens and spaces; characters without width are dropped."""
_ID = r"\b[A-Z][A-Z0-9]{1,11}(?:-[A-Z0-9]{1,6})*"
_HYPHEN_AT_LINE_END = re.compile(rf"({_ID})-\n[ \t]*(?=\d)")
_HYPHEN_AT_LINE_START = re.compile(rf"({_ID})[ \t]*\n[ \t]*-(?=\d{{2}})")
_DASH_IN_ID = re.compile(rf"({_ID})[\u2012\u2013\u2212](?=\d{{2}})")
_SOFT_HYPHEN_BREAK = re.compile("\u00ad[ \t]*\n[ \t]*")


def clean_up_text(text: str) -> str:
    """Remove ligatures and soft hyphens, and join ids that were broken over two lines or set with a dash."""
    text = _SOFT_HYPHEN_BREAK.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).translate(_REPLACEMENTS)
    text = _DASH_IN_ID.sub(r"\1-", _HYPHEN_AT_LINE_START.sub(r"\1-", _HYPHEN_AT_LINE_END.sub(r"\1-", text)))
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", text)).strip() + "\n"
