"""Compute the numbers that Word shows before paragraphs but does not store: `1.2`, `a)`, often ids like `URS-007`."""

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from activities.documents.docx_styles import StyleSheet, find_child, get_attribute, get_local_name

_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
          (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip


@dataclass(frozen=True)
class ListLevel:
    """How a level of a list is numbered."""

    start: int
    number_format: str
    """Word's name of the format, such as `decimal` or `lowerRoman`."""
    template: str
    """The label, with `%1` for the number of the first level, `%2` for the second, and so on."""


class ListNumbering:
    """Numbers a document's paragraphs. They must be rendered in document order, since each one counts."""

    def __init__(self, numbering: Element | None, styles: StyleSheet) -> None:
        elements = list(numbering) if numbering is not None else []
        self._styles = styles
        self._definitions = {
            get_attribute(element, "abstractNumId"): _read_levels(element)
            for element in elements
            if get_local_name(element) == "abstractNum"
        }
        self._lists = {
            get_attribute(element, "numId"): element for element in elements if get_local_name(element) == "num"
        }
        self._counts: dict[str, dict[int, int]] = {}
        """Last number by level, by list; lists with the same definition count on together."""

    def render_paragraph(self, paragraph: Element, text: str) -> str:
        """Return a paragraph with this text as a line of Markdown; empty if it has neither text nor number, or is part
        of a table of contents."""
        style = self._styles.find_style(paragraph)
        text = " ".join(text.split())
        label = self._next_label(style.numbering) if style.numbering else ""
        if style.is_contents_line:
            return ""
        if style.heading_level and text:
            return f"{'#' * style.heading_level} {f'{label} {text}'.strip()}"
        return f"{label} {text}".strip() if label != "-" or text else ""

    def _next_label(self, numbering: tuple[str, int]) -> str:
        list_id, depth = numbering
        element = self._lists.get(list_id)
        if element is None or list_id == "0":
            return ""
        definition = get_attribute(find_child(element, "abstractNumId"), "val") or ""
        overrides = _read_overrides(element)
        levels = self._definitions.get(definition, {}) | overrides
        level = levels.get(depth)
        if level is None:
            return ""
        counts = self._counts.setdefault(list_id if overrides else f"definition {definition}", {})
        counts[depth] = counts[depth] + 1 if depth in counts else level.start
        for deeper in [other for other in counts if other > depth]:
            del counts[deeper]
        if level.number_format in ("bullet", "none"):
            return "-" if level.number_format == "bullet" else ""
        return re.sub(r"%(\d)", lambda match: _format_level(levels, counts, int(match[1]) - 1), level.template).strip()


def _read_levels(element: Element) -> dict[int, ListLevel]:
    levels: dict[int, ListLevel] = {}
    for level in element:
        depth = get_attribute(level, "ilvl") or ""
        if get_local_name(level) == "lvl" and depth.isdecimal():
            start = get_attribute(find_child(level, "start"), "val") or "1"
            number_format = get_attribute(find_child(level, "numFmt"), "val") or "decimal"
            template = get_attribute(find_child(level, "lvlText"), "val") or ""
            levels[int(depth)] = ListLevel(int(start) if start.isdecimal() else 1, number_format, template)
    return levels


def _read_overrides(element: Element) -> dict[int, ListLevel]:
    """Return the levels that a list numbers differently from its definition."""
    return {
        depth: level
        for override in element
        if get_local_name(override) == "lvlOverride"
        for depth, level in _read_levels(override).items()
    }


def _format_level(levels: dict[int, ListLevel], counts: dict[int, int], depth: int) -> str:
    level = levels.get(depth)
    if level is None:
        return ""
    return _format_number(counts.get(depth, level.start), level.number_format)


def _format_number(number: int, number_format: str) -> str:
    if number_format in ("lowerLetter", "upperLetter"):
        repeats, letter = divmod(max(1, number) - 1, 26)
        letters = chr(ord("a") + letter) * (repeats + 1)
        return letters.upper() if number_format == "upperLetter" else letters
    if number_format in ("lowerRoman", "upperRoman"):
        numeral = _to_roman(number)
        return numeral.upper() if number_format == "upperRoman" else numeral
    widths = {"decimalZero": 2, "decimalFullWidth": 1}
    return f"{number:0{widths.get(number_format, 1)}d}"


def _to_roman(number: int) -> str:
    numeral = ""
    for value, letters in _ROMAN:
        while number >= value:
            numeral, number = numeral + letters, number - value
    return numeral
