"""`recipes`: list them, show what one takes, write a recipe of one's own."""

import json as json_codec
import re
import tempfile
from pathlib import Path
from typing import Any

from cyclopts import App

from quire.commands import starter_command
from recipes.base.recipe import Recipe
from runtime.cli.app import Json
from runtime.errors import SetupError
from runtime.request import recipe_fields
from runtime.request.editor_modeline import with_modeline
from runtime.request.recipe_examples import NEW_RECIPE, find_example_file, find_recipe, load_recipes, read_example
from runtime.request.request_file import CheckedRequest, load_request
from runtime.text import console

recipes = App(name="recipes")


@recipes.default
async def list_recipes(*, json: Json = False) -> int:
    """List the recipes, show what one takes, or write a recipe of your own."""
    rows = [
        {"recipe": name, "makes": recipe.noun, "what": recipe.describe()} for name, recipe in load_recipes().items()
    ]
    if json:
        console.print_json(rows)
    else:
        console.print_table(rows)
        print(f"inputs, item schema and a ready request:  {starter_command('recipes', 'show', 'NAME')}")
    return 0


@recipes.command
async def show(name: str, /) -> int:
    """Print a recipe's inputs, its item schema and a ready request."""
    recipe = find_recipe(name)
    print(f"{name}: {recipe.describe()}\n\ninputs:")
    print("\n".join(recipe_fields.format_fields(recipe.Inputs)))
    example = read_example(recipe)
    if example:
        print("\nitem schema (of the ready request):")
        print(json_codec.dumps(_build_item_schema(recipe, example), ensure_ascii=False, indent=2))
        print(f"\na ready request:\n\n{with_modeline(example, Path(f'{name}.yaml'))}")
    return 0


@recipes.command
async def new(name: str, /) -> int:
    """Write NAME.yaml, a commented recipe of your own that runs as it is."""
    stem = name.removesuffix(".yaml")
    if not re.fullmatch(r"[A-Za-z][\w-]*", stem):
        raise SetupError(f"'{name}' cannot be a name: use letters, digits, - and _, a letter first")
    file = Path(f"{stem}.yaml")
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(with_modeline(NEW_RECIPE.read_text("utf-8").replace("NAME", stem), file))
    except FileExistsError:
        raise SetupError(f"{file} already exists; choose another name or remove it") from None
    except OSError as error:
        raise SetupError(f"{file} cannot be written: {error.strerror}") from None
    print(
        f"{file}: written. Edit it, check its plan, run it; editors complete and check it\n"
        f"  {starter_command('check', str(file))}\n"
        f"  {starter_command('run', str(file))}"
    )
    return 0


def _build_item_schema(recipe: type[Recipe], example: str) -> dict[str, Any]:
    plan = _load_example(recipe, example).plan
    return plan.recipe.artifact_schema(plan.slots)


def _load_example(recipe: type[Recipe], example: str) -> CheckedRequest:
    """Check the example in the folder that its paths are relative to."""
    if (file := find_example_file(recipe)) is not None:
        return load_request(file)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "request.yaml"
        path.write_text(example, "utf-8")
        return load_request(path)
