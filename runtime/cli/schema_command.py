"""`schema`: what an editor needs to complete and check requests."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from recipes.base.recipe import InputError
from recipes.registry import recipes
from runtime.cli.app import command
from runtime.errors import SetupError
from runtime.request.json_schema import request_schema


@command
async def schema(
    *,
    recipe: Annotated[str | None, Parameter(help="only for requests of this recipe")] = None,
    out: Annotated[Path | None, Parameter(help="write it to this file instead")] = None,
) -> int:
    """Print the JSON Schema of requests, each recipe's inputs with it, for editors to complete and check them."""
    try:
        kinds = recipes()
    except InputError as error:
        raise SetupError(str(error)) from None
    if recipe is not None and recipe not in kinds:
        raise SetupError(f"unknown recipe '{recipe}'; there are: {', '.join(kinds)}")
    said = json.dumps(request_schema({recipe: kinds[recipe]} if recipe else kinds), ensure_ascii=False, indent=2)
    if out is None:
        print(said)
        return 0
    try:
        out.write_text(said + "\n", "utf-8")
    except OSError as error:
        raise SetupError(f"{out} cannot be written: {error.strerror}") from None
    print(f"{out}: written. Editors find it by the first line of a request beside it:")
    print(f"# yaml-language-server: $schema=./{out.name}")
    return 0
