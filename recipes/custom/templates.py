"""Users' prompt templates and checks: minijinja, strict about names, limited in steps, memory and time."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import minijinja

from recipes.base.recipe import InputError
from recipes.custom.template_growth import can_expression_grow, can_template_grow
from recipes.custom.template_process import TemplateFailed, TemplateProcess
from recipes.custom.template_program import build_environment

FUEL = 1_000_000
"""Steps that a rendering may take: some tenths of a second."""
MAX_LETTERS = 20_000_000
"""Letters of a template's text."""
_PROCESS = TemplateProcess(FUEL)
"""Shared by all requests of this process; it starts when the first template comes that may grow."""
NOTHING: Mapping[str, Any] = {}


class Templates:
    """Renders users' templates. They get plain values only, because templates can read any Python attribute.

    Fuel bounds the steps of a template, but a single step may make a text of gigabytes, and a library that gets no
    memory ends the process. So templates by which text can grow run in a process of their own.
    """

    def __init__(self) -> None:
        self._env = build_environment(FUEL, self._count_letters)
        self._letters = 0

    def render(self, template: str, values: Mapping[str, Any], field: str, common: Mapping[str, Any] = NOTHING) -> str:
        """Return the template's text. `common` are values that many calls share, as the same object.

        Raises InputError for any fault of the template.
        """
        try:
            if can_template_grow(template):
                return _PROCESS.run("render", template, common, values).strip()
            self._letters = 0
            return self._env.render_str(template, **{**common, **values}).strip()
        except (minijinja.TemplateError, TemplateFailed) as error:
            raise _explain(error, field) from None

    def is_true(
        self, expression: str, values: Mapping[str, Any], field: str, common: Mapping[str, Any] = NOTHING
    ) -> bool:
        """Return True if a condition holds. Raises InputError for any fault of the condition."""
        try:
            if can_expression_grow(expression):
                return _PROCESS.run("test", expression, common, values)
            return bool(self._env.eval_expr(expression, **{**common, **values}))
        except (minijinja.TemplateError, TemplateFailed) as error:
            raise _explain(error, field) from None

    def check_names(self, template: str, names: Iterable[str], field: str) -> None:
        """Raise InputError if a template uses a variable that is not among `names`."""
        defined = sorted(names)
        try:
            used = set(self._env.undeclared_variables_in_str(template))
        except minijinja.TemplateError as error:
            raise _explain(error, field) from None
        for name in sorted(used - set(defined) - set(self._env.globals)):
            raise InputError(field, f"unknown variable '{name}'; known are: {', '.join(defined)}")

    def _count_letters(self, value: Any) -> Any:
        """Return a value that is about to be rendered. Raises TemplateFailed if the text is too long with it."""
        self._letters += len(value) if isinstance(value, str) else 0
        if self._letters > MAX_LETTERS:
            raise TemplateFailed(f"the template makes a text of more than {MAX_LETTERS:,} letters")
        return value


def _explain(error: Exception, field: str) -> InputError:
    """Return an error of a template as one of the request."""
    message = str(error).split("\n", 1)[0].replace("(in <string>", "(in the template")
    if "ran out of fuel" in message:
        message = "the template does not come to an end: it takes more than a million steps"
    return InputError(field, message.removeprefix("undefined value: "))


def list_attributes(template: str, variable: str) -> list[str]:
    """Return the fields of `variable` that a template reads: `row.price`, `row['price']`."""
    matches = re.findall(rf"\b{variable}(?:\.([A-Za-z_]\w*)|\[\s*['\"]([^'\"]+)['\"]\s*\])", template)
    return list(dict.fromkeys(dotted or quoted for dotted, quoted in matches))
