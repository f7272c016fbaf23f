"""`recipes`: which there are, what each takes, and a starting file of one's own."""

import json
import re
import tempfile
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from recipes.base.recipe import InputError, Recipe
from recipes.registry import recipes as known_recipes
from runtime.errors import SetupError
from runtime.paths import ROOT
from runtime.request import recipe_fields
from runtime.request.editor_modeline import with_modeline
from runtime.request.request_file import Checked, load
from runtime.text import console

EXAMPLES = ROOT / "examples"
STARTING = Path(__file__).parent.parent / "request" / "new_recipe.yaml"

recipes = App(name="recipes")


@recipes.default
async def list_(*, json: Annotated[bool, Parameter(name="--json", negative=())] = False) -> int:
    """List all recipes."""
    rows = [{"recipe": name, "makes": kind.noun, "what": kind.summary()} for name, kind in known().items()]
    if json:
        console.print_json(rows)
    else:
        console.rows(rows, empty="")
        print("parameters, item schema and a ready request:  uv run starter.py recipes show NAME")
    return 0


@recipes.command
async def show(name: str, /) -> int:
    """Print a recipe's parameters, its item schema and a ready request."""
    kind = known().get(name)
    if kind is None:
        raise SetupError(f"unknown recipe '{name}'; there are: {', '.join(known())}")
    print(f"{name}: {kind.summary()}\n\ninputs:")
    print("\n".join(recipe_fields.lines(kind.Inputs)))
    text = example_of(kind)
    if text:
        print("\nitem schema (of the ready request):")
        print(json.dumps(_item_schema(kind, text), ensure_ascii=False, indent=2))
        print(f"\na ready request:\n\n{with_modeline(text, Path(f'{name}.yaml'))}")
    return 0


@recipes.command
async def new(name: str, /) -> int:
    """Write NAME.yaml, a commented recipe of one's own that runs as it is."""
    if not re.fullmatch(r"[A-Za-z][\w-]*", name.removesuffix(".yaml")):
        raise SetupError(f"'{name}': a name is letters, digits, - and _")
    file = Path(f"{name.removesuffix('.yaml')}.yaml")
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(with_modeline(STARTING.read_text("utf-8").replace("NAME", file.stem), file))
    except FileExistsError:
        raise SetupError(f"{file} is there already; choose another name or remove it") from None
    except OSError as error:
        raise SetupError(f"{file} cannot be written: {error.strerror}") from None
    print(
        f"{file}: change it, look at its plan, run it; editors complete and check it\n"
        f"  uv run starter.py check {file}\n"
        f"  uv run starter.py run {file}"
    )
    return 0


def known() -> dict[str, type[Recipe]]:
    """All recipes by name. Raises SetupError where one that is installed cannot be loaded."""
    try:
        return known_recipes()
    except InputError as error:
        raise SetupError(str(error)) from None


def example_of(kind: type[Recipe]) -> str:
    """A request that runs as it is: the recipe's own, else the file of its name among the examples."""
    if kind.example:
        return kind.example
    for file in (EXAMPLES / f"{kind.name}.yaml", STARTING if kind.name == "custom" else EXAMPLES / "none"):
        if file.exists():
            return file.read_text("utf-8")
    return ""


def _item_schema(kind: type[Recipe], text: str) -> dict[str, Any]:
    checked = _loaded(kind, text)
    return checked.plan.recipe.finished_schema(checked.plan.slots)


def _loaded(kind: type[Recipe], text: str) -> Checked:
    file = EXAMPLES / f"{kind.name}.yaml"
    if file.exists() and not kind.example:
        return load(file)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "request.yaml"
        path.write_text(text, "utf-8")
        return load(path)
