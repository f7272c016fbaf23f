"""`init`: write a request."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from quire.commands import starter_command
from runtime.cli.init_questions import ask_for_draft
from runtime.errors import SetupError
from runtime.request.draft import apply_settings, create_draft, write_draft
from runtime.request.recipe_examples import find_recipe, load_recipes


async def init(
    *,
    recipe: Annotated[str | None, Parameter(help="what to generate; without it, questions are asked")] = None,
    input: Annotated[
        list[str] | None, Parameter(name="--input", negative=(), help="an input of the recipe: urs=my_urs.md")
    ] = None,
    target: Annotated[int | None, Parameter(help="how many items")] = None,
    model: Annotated[str | None, Parameter(help="the model, by its name at the endpoint")] = None,
    out: Annotated[Path | None, Parameter(help="the file to write; request.yaml")] = None,
    force: Annotated[bool, Parameter(negative=(), help="replace an existing file")] = False,
) -> int:
    """Write a request that runs: by asking on a terminal, or without questions from --recipe and the other options."""
    if recipe is None:
        recipes = load_recipes()
        if input or target or model or not sys.stdin.isatty():
            names = ", ".join(recipes)
            raise SetupError(f"give --recipe, one of {names}; on a terminal, `init` without options asks questions")
        draft = ask_for_draft(recipes, out, force=force)
    else:
        draft = create_draft(find_recipe(recipe), out or Path("request.yaml"))
        apply_settings(draft, input or [], target, model)
    plan, file = draft.check().plan, draft.out
    write_draft(draft, force=force)
    count = f"{len(plan.slots):,} {plan.recipe.noun} in {len(plan.sizes):,} batch(es)"
    print(f"{file}: {count} with {plan.request.generator.name}")
    print(f"  all its fields     {starter_command('recipes', 'show', draft.recipe.name)}")
    print(f"  check its plan     {draft.build_command('check')}")
    print(f"  run it             {draft.build_command('run')}")
    return 0
