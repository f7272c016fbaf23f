"""The numbers that Word shows before paragraphs and does not store: `1.2`, `a)`, and often ids such as `URS-007`."""

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from activities.documents.docx_styles import Styles, attribute, child, local

_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
          (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip


@dataclass(frozen=True)
class Level:
    """How one level of a list counts."""

    start: int
    form: str
    text: str
    """With `%1` for the number of the first level, and so on."""


class Numbers:
    """Counts while a document is read from its beginning to its end."""

    def __init__(self, numbering: Element | None, styles: Styles) -> None:
        parts = list(numbering) if numbering is not None else []
        self._styles = styles
        self._forms = {
            attribute(part, "abstractNumId"): _levels(part) for part in parts if local(part) == "abstractNum"
        }
        self._lists = {attribute(part, "numId"): part for part in parts if local(part) == "num"}
        self._counts: dict[str, dict[int, int]] = {}

    def shown(self, paragraph: Element, words: str) -> str:
        """A paragraph as a line of Markdown; empty where Word shows nothing, or shows it elsewhere too."""
        style = self._styles.of(paragraph)
        text = " ".join(words.split())
        label = self._label(style.numbering) if style.numbering else ""
        if style.contents:
            return ""
        if style.heading and text:
            return f"{'#' * style.heading} {f'{label} {text}'.strip()}"
        return f"{label} {text}".strip() if label != "-" or text else ""

    def _label(self, numbering: tuple[str, int]) -> str:
        name, depth = numbering
        part = self._lists.get(name)
        if part is None or name == "0":
            return ""
        kind = attribute(child(part, "abstractNumId"), "val") or ""
        levels = self._forms.get(kind, {}) | _overrides(part)
        level = levels.get(depth)
        if level is None:
            return ""
        counts = self._counts.setdefault(name if _overrides(part) else f"kind {kind}", {})
        counts[depth] = counts[depth] + 1 if depth in counts else level.start
        for deeper in [other for other in counts if other > depth]:
            del counts[deeper]
        if level.form in ("bullet", "none"):
            return "-" if level.form == "bullet" else ""
        return re.sub(r"%(\d)", lambda match: _number(levels, counts, int(match[1]) - 1), level.text).strip()


def _levels(part: Element) -> dict[int, Level]:
    found: dict[int, Level] = {}
    for level in part:
        depth = attribute(level, "ilvl") or ""
        if local(level) == "lvl" and depth.isdecimal():
            start = attribute(child(level, "start"), "val") or "1"
            form = attribute(child(level, "numFmt"), "val") or "decimal"
            text = attribute(child(level, "lvlText"), "val") or ""
            found[int(depth)] = Level(int(start) if start.isdecimal() else 1, form, text)
    return found


def _overrides(part: Element) -> dict[int, Level]:
    """Levels that a list counts in its own way."""
    return {
        depth: level
        for override in part
        if local(override) == "lvlOverride"
        for depth, level in _levels(override).items()
    }


def _number(levels: dict[int, Level], counts: dict[int, int], depth: int) -> str:
    level = levels.get(depth)
    if level is None:
        return ""
    return _spelt(counts.get(depth, level.start), level.form)


def _spelt(count: int, form: str) -> str:
    if form in ("lowerLetter", "upperLetter"):
        turns, letter = divmod(max(1, count) - 1, 26)
        said = chr(ord("a") + letter) * (turns + 1)
        return said.upper() if form == "upperLetter" else said
    if form in ("lowerRoman", "upperRoman"):
        said = _roman(count)
        return said.upper() if form == "upperRoman" else said
    widths = {"decimalZero": 2, "decimalFullWidth": 1}
    return f"{count:0{widths.get(form, 1)}d}"


def _roman(count: int) -> str:
    said = ""
    for value, letters in _ROMAN:
        while count >= value:
            said, count = said + letters, count - value
    return said
