"""The JSON Schema of a request, from the models that validate it: what editors complete and check with."""

from collections.abc import Mapping
from typing import Any, cast

from pydantic.json_schema import JsonSchemaMode, models_json_schema

from quire.request import Part, Request
from recipes.base.recipe import Recipe

DRAFT = "http://json-schema.org/draft-07/schema#"
"""The draft that the YAML language server of editors knows best."""
Schema = dict[str, Any]


def request_schema(kinds: Mapping[str, type[Recipe]]) -> Schema:
    """The schema of a request for any of these recipes; `inputs` is each recipe's own."""
    mode: JsonSchemaMode = "validation"
    models: list[type[Part]] = [Request, *(kind.Inputs for kind in kinds.values())]
    places, found = models_json_schema([(model, mode) for model in models], ref_template="#/$defs/{model}")
    parts = cast(Schema, _untitled(found["$defs"]))
    whole = parts.pop(str(places[Request, "validation"]["$ref"]).rpartition("/")[2])
    own = {name: places[kind.Inputs, "validation"] for name, kind in kinds.items()}
    fields = whole["properties"] | {"recipe": _recipe(kinds)}
    rules = [_rule(name, kind, own[name]) for name, kind in kinds.items()]
    return {
        "$schema": DRAFT,
        "title": "A request for Quire",
        **whole,
        "properties": fields,
        "allOf": rules,
        "$defs": parts,
    }


def _recipe(kinds: Mapping[str, type[Recipe]]) -> Schema:
    said = "; ".join(f"{name}: {kind.summary()}" for name, kind in kinds.items())
    return {"description": f"what kind of artifact. {said}", "enum": list(kinds)}


def _rule(name: str, kind: type[Recipe], inputs: Schema) -> Schema:
    """What holds where the request is for this recipe."""
    needs = any(field.is_required() for field in kind.Inputs.model_fields.values())
    then: Schema = {"properties": {"inputs": inputs}} | ({"required": ["inputs"]} if needs else {})
    return {"if": {"properties": {"recipe": {"const": name}}, "required": ["recipe"]}, "then": then}


def _untitled(part: Any) -> Any:
    """Without the titles that only repeat a field's name; a field that is called title stays."""
    if isinstance(part, list):
        return [_untitled(inner) for inner in cast(list[Any], part)]
    if not isinstance(part, dict):
        return part
    said = cast(Schema, part)
    return {key: _untitled(inner) for key, inner in said.items() if key != "title" or not isinstance(inner, str)}
