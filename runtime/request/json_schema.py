"""The JSON Schema of requests, by which editors complete and check them, from the models that validate them."""

from collections.abc import Mapping
from typing import Any, cast

from pydantic.json_schema import JsonSchemaMode, models_json_schema

from quire.request import Part, Request
from recipes.base.recipe import Recipe

DRAFT = "http://json-schema.org/draft-07/schema#"
"""The draft of JSON Schema that the YAML language server of editors supports best."""
Schema = dict[str, Any]


def build_request_schema(recipes: Mapping[str, type[Recipe]]) -> Schema:
    """Return the schema of a request for any of these recipes; the schema of `inputs` depends on the recipe."""
    mode: JsonSchemaMode = "validation"
    models: list[type[Part]] = [Request, *(recipe.Inputs for recipe in recipes.values())]
    references, schemas = models_json_schema([(model, mode) for model in models], ref_template="#/$defs/{model}")
    definitions = cast(Schema, _without_titles(schemas["$defs"]))
    request = definitions.pop(str(references[Request, mode]["$ref"]).rpartition("/")[2])
    rules = [_build_rule(name, recipe, references[recipe.Inputs, mode]) for name, recipe in recipes.items()]
    return {
        "$schema": DRAFT,
        "title": "A request for Quire",
        **request,
        "properties": request["properties"] | {"recipe": _build_recipe_field(recipes)},
        "patternProperties": {"^x-": {}},
        "allOf": rules,
        "$defs": definitions,
    }


def _build_recipe_field(recipes: Mapping[str, type[Recipe]]) -> Schema:
    summaries = "; ".join(f"{name}: {recipe.describe()}" for name, recipe in recipes.items())
    return {"description": f"what kind of artifact. {summaries}", "enum": list(recipes)}


def _build_rule(name: str, recipe: type[Recipe], inputs: Schema) -> Schema:
    """Return the rule that a request for this recipe has the recipe's inputs."""
    is_required = any(field.is_required() for field in recipe.Inputs.model_fields.values())
    then: Schema = {"properties": {"inputs": inputs}} | ({"required": ["inputs"]} if is_required else {})
    return {"if": {"properties": {"recipe": {"const": name}}, "required": ["recipe"]}, "then": then}


def _without_titles(schema: Any) -> Any:
    """Return a schema without the titles that only repeat a field's name; a field named `title` stays."""
    if isinstance(schema, list):
        return [_without_titles(inner) for inner in cast(list[Any], schema)]
    if not isinstance(schema, dict):
        return schema
    entries = cast(Schema, schema)
    return {
        key: _without_titles(inner) for key, inner in entries.items() if key != "title" or not isinstance(inner, str)
    }
