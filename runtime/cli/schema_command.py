"""`schema`: the JSON Schema by which an editor completes and checks requests."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from runtime.errors import SetupError
from runtime.request.json_schema import build_request_schema
from runtime.request.recipe_examples import find_recipe, load_recipes


async def schema(
    *,
    recipe: Annotated[str | None, Parameter(help="only for requests of this recipe")] = None,
    out: Annotated[Path | None, Parameter(help="write it to this file instead")] = None,
) -> int:
    """Print the JSON Schema of requests with the inputs of each recipe, for editors to complete and check them."""
    recipes = {recipe: find_recipe(recipe)} if recipe is not None else load_recipes()
    text = json.dumps(build_request_schema(recipes), ensure_ascii=False, indent=2)
    if out is None:
        print(text)
        return 0
    try:
        out.write_text(text + "\n", "utf-8")
    except OSError as error:
        raise SetupError(f"{out} cannot be written: {error.strerror}") from None
    print(f"{out}: written. Editors find it if a request in the same folder begins with:")
    print(f"# yaml-language-server: $schema=./{out.name}")
    return 0
