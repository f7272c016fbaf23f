"""`init`: write a request."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from runtime.cli.app import command
from runtime.cli.init_questions import asked
from runtime.cli.recipe_commands import known
from runtime.errors import SetupError
from runtime.request.draft import draft, lay, write


@command
async def init(
    *,
    recipe: Annotated[str | None, Parameter(help="what to make; without it, questions are asked")] = None,
    input: Annotated[
        list[str] | None, Parameter(name="--input", negative=(), help="one of the recipe's inputs: urs=my_urs.md")
    ] = None,
    target: Annotated[int | None, Parameter(help="how many items")] = None,
    model: Annotated[str | None, Parameter(help="the model, as its endpoint knows it")] = None,
    out: Annotated[Path | None, Parameter(help="where to write it; request.yaml")] = None,
    force: Annotated[bool, Parameter(negative=(), help="write over a file that is there")] = False,
) -> int:
    """Write a request that runs: by asking on a terminal, or from --recipe and what else is said, without asking."""
    kinds = known()
    if recipe is None:
        if input or target or model or not sys.stdin.isatty():
            raise SetupError(f"say --recipe, one of {', '.join(kinds)}; on a terminal `init` alone asks")
        made = asked(kinds, out, force)
    elif recipe in kinds:
        made = draft(kinds[recipe], out or Path("request.yaml"))
        lay(made, input or [], target, model)
    else:
        raise SetupError(f"--recipe: there is no recipe '{recipe}'; there are: {', '.join(kinds)}")
    laid = made.check()
    write(made, force=force)
    plan, file = laid.plan, made.out
    count = f"{len(plan.slots)} {plan.recipe.noun} in {len(plan.sizes)} batch(es)"
    print(f"{file}: {count} with {plan.request.generator.name}")
    print(f"  all its fields     uv run starter.py recipes show {made.kind.name}")
    print(f"  look at its plan   uv run starter.py check {file}")
    print(f"  run it             uv run starter.py run {file}")
    return 0
