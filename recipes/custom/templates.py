"""Users' prompt templates and checks: minijinja, strict about names, limited by fuel."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import minijinja

from recipes.base.recipe import InputError

FUEL = 1_000_000
"""Steps that a rendering may take: some tenths of a second."""


class Templates:
    """Renders users' templates. They get plain values only, because templates can read any Python attribute."""

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
        """Return the template's text. Raises InputError for any fault of the template."""
        return str(self._run_safely(lambda: self._env.render_str(template, **values), field)).strip()

    def is_true(self, expression: str, values: Mapping[str, Any], field: str) -> bool:
        """Return True if a condition holds. Raises InputError for any fault of the condition."""
        return bool(self._run_safely(lambda: self._env.eval_expr(expression, **values), field))

    def check_names(self, template: str, names: Iterable[str], field: str) -> None:
        """Raise InputError if a template uses a variable that is not among `names`."""
        defined = sorted(names)
        used: set[str] = self._run_safely(lambda: set(self._env.undeclared_variables_in_str(template)), field)
        for name in sorted(used - set(defined) - set(self._env.globals)):
            raise InputError(field, f"unknown variable '{name}'; known are: {', '.join(defined)}")

    def _run_safely(self, work: Callable[[], Any], field: str) -> Any:
        try:
            return work()
        except minijinja.TemplateError as error:
            message = str(error).split("\n", 1)[0].replace("(in <string>", "(in the template")
            if "ran out of fuel" in message:
                message = "the template does not come to an end: it takes more than a million steps"
            raise InputError(field, message.removeprefix("undefined value: ")) from None


def list_attributes(template: str, variable: str) -> list[str]:
    """Return the fields of `variable` that a template reads: `row.price`, `row['price']`."""
    matches = re.findall(rf"\b{variable}(?:\.([A-Za-z_]\w*)|\[\s*['\"]([^'\"]+)['\"]\s*\])", template)
    return list(dict.fromkeys(dotted or quoted for dotted, quoted in matches))
