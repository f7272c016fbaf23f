"""Which templates cannot grow: their text is at most the sum of what they name, so they may run in this process."""

import re
from collections.abc import Iterator
from functools import lru_cache

_TAG = re.compile(r"\{(?:\{(?P<value>.*?)\}|%(?P<block>.*?)%|#.*?#)\}", re.DOTALL)
_TOKEN = re.compile(
    r"""\s*(?:(?P<word>[A-Za-z][A-Za-z0-9_]*)|(?P<literal>\d+(?:\.\d+)?|'[^'\\]*'|"[^"\\]*")|(?P<close>[\])])"""
    r"|(?P<sign>==|!=|<=|>=|//|[<>.\[(|,+\-/%~]))"
)
_OPERATORS = frozenset(("and", "or", "not", "in", "is", "if", "else", "elif"))
_FILTERS = frozenset(
    "abs capitalize count first float int last length lower round string title trim upper".split()  # noqa: SIM905
)
"""Filters whose result is about as long as what they are given."""
MAX_LENGTH = 100_000
"""Letters of a template that is looked through; the search takes quadratic time where braces do not match."""
MAX_JSON = 3
"""Filters `json` in a row, each of which may double a text."""


@lru_cache(maxsize=1000)
def can_template_grow(template: str) -> bool:
    """Return False only if a template has no loops, assignments, calls, products or filters by which text grows."""
    if len(template) > MAX_LENGTH:
        return True
    tags = list(_TAG.finditer(template))
    rest = _TAG.sub("", template)
    if any(sign in rest for sign in ("{{", "{%", "{#")):
        return True
    values = (tag["value"] for tag in tags if tag["value"] is not None)
    blocks = [(tag["block"] or "").strip("-+ \n\t") for tag in tags if tag["block"] is not None]
    conditions = [block for block in blocks if block not in ("else", "endif")]
    if not all(condition.startswith(("if ", "elif ")) for condition in conditions):
        return True
    return any(can_expression_grow(text.strip().strip("-")) for text in (*values, *conditions))


@lru_cache(maxsize=1000)
def can_expression_grow(expression: str) -> bool:
    """Return False only if an expression compares, adds and picks values, and uses no filter by which text grows."""
    previous, json_filters = "", 0
    for kind, text in _list_tokens(expression):
        is_operand = kind in ("word", "literal", "close") and text not in _OPERATORS
        if kind == "other" or (text == "(" and previous == "operand"):  # something unknown, or a call
            return True
        if previous == "|":
            json_filters += text in ("json", "tojson")
            if text not in _FILTERS and (text not in ("json", "tojson") or json_filters > MAX_JSON):
                return True
        previous = "operand" if is_operand else text
    return False


def _list_tokens(expression: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of each token; what is not known is of the kind `other`, and the last."""
    position, end = 0, len(expression.rstrip())
    while position < end:
        match = _TOKEN.match(expression, position)
        if match is None:
            yield "other", expression[position:]
            return
        position = match.end()
        yield str(match.lastgroup), match[str(match.lastgroup)]
