"""Prompt templates and checks from users: minijinja, strict about names, stopped by fuel."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import minijinja

from recipes.base.recipe import InputError

FUEL = 1_000_000
"""Steps that one rendering may take: some tenths of a second."""


class Templates:
    """Renders what users wrote. They get plain values only: attributes of Python objects would be within reach."""

    def __init__(self) -> None:
        self._env = minijinja.Environment(
            undefined_behavior="strict",
            fuel=FUEL,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_escape_callback=lambda _: False,
            filters={"json": lambda value: json.dumps(value, ensure_ascii=False)},
        )

    def render(self, template: str, values: Mapping[str, Any], field: str) -> str:
        """The text; InputError in words for whatever is wrong with the template."""
        return str(self._safely(lambda: self._env.render_str(template, **values), field)).strip()

    def holds(self, expression: str, values: Mapping[str, Any], field: str) -> bool:
        """Whether a condition is true."""
        return bool(self._safely(lambda: self._env.eval_expr(expression, **values), field))

    def names(self, template: str, known: Iterable[str], field: str) -> None:
        """Raise InputError where a template uses a name that nothing defines."""
        there = sorted(known)
        used: set[str] = self._safely(lambda: set(self._env.undeclared_variables_in_str(template)), field)
        for name in sorted(used - set(there) - set(self._env.globals)):
            raise InputError(field, f"unknown variable '{name}'; there are: {', '.join(there)}")

    def _safely(self, work: Callable[[], Any], field: str) -> Any:
        try:
            return work()
        except minijinja.TemplateError as error:
            said = str(error).split("\n", 1)[0].replace("(in <string>", "(in the template")
            if "ran out of fuel" in said:
                said = "the template does not come to an end: it takes more than a million steps"
            raise InputError(field, said.removeprefix("undefined value: ")) from None


def attributes(template: str, of: str) -> list[str]:
    """The fields of `of` that a template reads: `row.price`, `row['price']`."""
    found = re.findall(rf"\b{of}(?:\.([A-Za-z_]\w*)|\[\s*['\"]([^'\"]+)['\"]\s*\])", template)
    return list(dict.fromkeys(dotted or quoted for dotted, quoted in found))
