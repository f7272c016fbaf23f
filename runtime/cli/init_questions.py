"""The questions of `init`; a question is repeated, with the reason, until its answer can be used."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from recipes.base.recipe import Recipe
from runtime.errors import SetupError
from runtime.request.draft import Draft, create_draft, find_input_error, list_required_inputs, set_input

DERIVED_TARGET = "the recipe's own"
"""Stands for a target that the recipe derives from its inputs."""
Value = TypeVar("Value")


def ask_for_draft(recipes: Mapping[str, type[Recipe]], out: Path | None, *, force: bool) -> Draft:
    """Ask for a recipe and its values until they make a valid request. Raises SetupError if the input ends first."""
    print("Enter accepts the value in brackets.\n")
    for number, (name, recipe) in enumerate(recipes.items(), 1):
        print(f"  {number}  {name:14} {recipe.describe()}")
    recipe = _ask("recipe, by number or name", "1", lambda text: _parse_recipe(recipes, text))
    path = _ask("write it to", str(out or "request.yaml"), lambda text: _parse_path(text, force=force))
    draft = create_draft(recipe, path)
    while True:
        for field, schema in list_required_inputs(draft).items():
            _ask_for_input(draft, field, schema)
        _ask_for_target(draft)
        model = draft.request["model"]
        model["name"] = _ask("model, by its name at the endpoint", model["name"], str)
        try:
            draft.check()
        except SetupError as error:
            print(f"  these answers cannot be used: {error}\n  please answer again:")
        else:
            return draft


def _ask(question: str, default: str, parse: Callable[[str], Value]) -> Value:
    """Ask until `parse` accepts the answer, and return what it returns."""
    while True:
        try:
            answer = input(f"{question} [{default}]: ").strip() or default
        except EOFError:
            print()
            raise SetupError("input ended before the last question; nothing was written") from None
        try:
            return parse(answer)
        except SetupError as error:
            print(f"  {error}")


def _parse_recipe(recipes: Mapping[str, type[Recipe]], text: str) -> type[Recipe]:
    names = list(recipes)
    if text.isdecimal() and 1 <= int(text) <= len(names):
        return recipes[names[int(text) - 1]]
    if text not in recipes:
        raise SetupError(f"unknown recipe '{text}'; enter a number from 1 to {len(names)}, or a name")
    return recipes[text]


def _parse_path(text: str, *, force: bool) -> Path:
    out = Path(text).expanduser()
    if out.exists() and not force:
        raise SetupError(f"{out} already exists; enter another name")
    return out


def _ask_for_input(draft: Draft, field: str, schema: Mapping[str, Any]) -> None:
    def parse(text: str) -> None:
        previous = draft.inputs.get(field)
        if text != str(previous):
            set_input(draft, field, text if schema.get("type") == "string" else _parse_value(text))
        if problem := find_input_error(draft, field):
            if previous is not None:
                draft.inputs[field] = previous
            raise SetupError(problem)

    question = f"{field}, {schema.get('description', '')}".rstrip(", ")
    _ask(question, str(draft.inputs.get(field, "")), parse)


def _parse_value(text: str) -> Any:
    try:
        return YAML(typ="safe").load(text)
    except YAMLError:
        raise SetupError(f"'{text}' is not valid YAML") from None


def _ask_for_target(draft: Draft) -> None:
    def parse(text: str) -> None:
        if text.isdecimal() and int(text) >= 1:
            draft.request["target"] = int(text)
        elif text != DERIVED_TARGET:
            raise SetupError(f"'{text}' is not a number of items; enter a whole number, 1 or more")

    _ask(f"how many {draft.recipe.noun}", str(draft.request.get("target") or DERIVED_TARGET), parse)
