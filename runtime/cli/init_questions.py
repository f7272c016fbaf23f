"""The questions of `init`, each asked again, with the reason, until the answer can be used."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from recipes.base.recipe import Recipe
from runtime.errors import SetupError
from runtime.request.draft import Draft, draft, put, questions, wrong

Value = TypeVar("Value")


def asked(kinds: Mapping[str, type[Recipe]], out: Path | None, force: bool) -> Draft:
    """A request by asking. Raises SetupError where the answers end before the questions do."""
    print("Enter takes what is in brackets.\n")
    for number, (name, kind) in enumerate(kinds.items(), 1):
        print(f"  {number}  {name:14} {kind.summary()}")
    kind = _answer("recipe, by number or name", "1", lambda said: _recipe(kinds, said))
    made = draft(kind, _answer("write it to", str(out or "request.yaml"), lambda said: _place(said, force)))
    while True:
        for field, part in questions(made).items():
            _input(made, field, part)
        _target(made)
        _answer("model, as its endpoint knows it", made.said["model"]["name"], lambda said: _model(made, said))
        try:
            made.check()
        except SetupError as error:
            print(f"  this cannot be: {error}\n  once more:")
        else:
            return made


def _answer(question: str, default: str, use: Callable[[str], Value]) -> Value:
    while True:
        try:
            said = input(f"{question} [{default}]: ").strip() or default
        except EOFError:
            print()
            raise SetupError("the answers ended; nothing was written") from None
        try:
            return use(said)
        except SetupError as error:
            print(f"  {error}")


def _recipe(kinds: Mapping[str, type[Recipe]], said: str) -> type[Recipe]:
    names = list(kinds)
    if said.isdecimal() and 1 <= int(said) <= len(names):
        return kinds[names[int(said) - 1]]
    if said not in kinds:
        raise SetupError(f"there is no recipe '{said}'; say a number from 1 to {len(names)}, or a name")
    return kinds[said]


def _place(said: str, force: bool) -> Path:
    out = Path(said).expanduser()
    if out.exists() and not force:
        raise SetupError(f"{out} is there already; say another name")
    return out


def _input(made: Draft, field: str, part: Mapping[str, Any]) -> None:
    def use(said: str) -> None:
        before = made.inputs.get(field)
        if said != str(before):
            put(made, field, said if part.get("type") == "string" else _value(said))
        if reason := wrong(made, field):
            if before is not None:
                made.inputs[field] = before
            raise SetupError(reason)

    _answer(f"{field}, {part.get('description', '')}".rstrip(", "), str(made.inputs.get(field, "")), use)


def _value(said: str) -> Any:
    try:
        return YAML(typ="safe").load(said)
    except YAMLError:
        raise SetupError(f"'{said}' is not a value") from None


def _target(made: Draft) -> None:
    usual = made.said.get("target")

    def use(said: str) -> None:
        if said.isdecimal() and int(said) >= 1:
            made.said["target"] = int(said)
        elif said != "the recipe's own":
            raise SetupError(f"'{said}': say a number from 1")

    _answer(f"how many {made.kind.noun}", str(usual or "the recipe's own"), use)


def _model(made: Draft, said: str) -> None:
    made.said["model"]["name"] = said
