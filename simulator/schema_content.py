"""Content for any JSON schema, woven from the prompt's slot lines; the same for the same request and seed."""

import random
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from simulator.item_variation import twisted
from simulator.options import Options
from simulator.regex_strings import matching
from simulator.sentences import sentence

Schema = dict[str, Any]
TWINS = 10
"""How many different items there are among those that repeat."""
_JUDGEMENTS = ("acceptable",)
"""Verdicts on what is shown: a mild judge's."""
_SLOT = re.compile(r"^[ \t]*[-*]?[ \t]*slot (\d+):[ \t]*(.+)$", re.IGNORECASE | re.MULTILINE)


class Weaver:
    """Fills one schema for one brief."""

    def __init__(
        self, root: Schema, source: random.Random, slot: int | None, brief: str, strictness: float = 0.0
    ) -> None:
        self.root, self.random, self.slot, self.brief = root, source, slot, brief
        self.topic = brief
        self.strictness = strictness

    def value(self, schema: Any, name: str = "", depth: int = 0) -> Any:
        """A value that the schema allows."""
        if not isinstance(schema, dict):
            return sentence(self.random, self.topic, name)
        schema = self._resolved(cast(Schema, schema))
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._choice(schema["enum"])
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next((k for k in cast(list[str], kind) if k != "null"), "null")
        makers: dict[str, Callable[[], Any]] = {
            "object": lambda: self._object(schema, depth),
            "array": lambda: self._array(schema, name, depth),
            "string": lambda: self._string(schema, name),
            "integer": lambda: self._integer(schema, name),
            "number": lambda: round(self.random.uniform(schema.get("minimum", 0), schema.get("maximum", 100)), 2),
            "boolean": lambda: self.random.random() >= (self.strictness if name in _JUDGEMENTS else 0.5),
            "null": lambda: None,
        }
        return makers.get(str(kind), makers["string"])()

    def _resolved(self, schema: Schema) -> Schema:
        for _ in range(20):
            if "$ref" in schema:
                target: Any = self.root
                for part in str(schema["$ref"]).removeprefix("#").strip("/").split("/"):
                    target = target.get(part, {}) if part else target
                schema = target
            elif "allOf" in schema:
                rest = {key: value for key, value in schema.items() if key != "allOf"}
                for part in schema["allOf"]:
                    rest |= self._resolved(part)
                schema = rest
            elif option := schema.get("anyOf") or schema.get("oneOf"):
                schema = option[0]
            else:
                break
        return schema

    def _choice(self, allowed: list[Any]) -> Any:
        mentioned = [value for value in allowed if str(value).lower() in self.brief.lower()]
        return self.random.choice(mentioned or allowed)

    def _object(self, schema: Schema, depth: int) -> Any:
        if depth > 12:
            return {}
        required = set(schema.get("required", []))
        fields = {
            key: part
            for key, part in schema.get("properties", {}).items()
            if key in required or (depth < 6 and self.random.random() < 0.8)
        }
        return {key: self.value(part, key, depth + 1) for key, part in fields.items()}

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        inner = self._resolved(schema.get("items", {"type": "string"}))
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        if "enum" in inner:
            found = [v for v in inner["enum"] if re.search(rf"(?<![\w-]){re.escape(str(v))}(?![\w-])", self.brief)]
            return (found or [self._choice(inner["enum"])])[:most]
        count = max(least, min(self.random.randint(2, 4), most if most is not None else 4))
        return [self.value(inner, name, depth + 1) for _ in range(count)]

    def _string(self, schema: Schema, name: str) -> str:
        if "pattern" in schema:
            return matching(schema["pattern"], self.random)
        made = {
            "date": lambda: self._moment().date().isoformat(),
            "date-time": lambda: self._moment().isoformat(),
            "uuid": lambda: str(uuid.UUID(int=self.random.getrandbits(128), version=4)),
            "email": lambda: f"person{self.random.randint(1, 99999)}@example.com",
            "uri": lambda: f"https://example.com/{self.random.randint(1, 99999)}",
        }.get(schema.get("format", ""))
        text = made() if made else sentence(self.random, self.topic, name)
        while len(text) < schema.get("minLength", 0):
            text += " " + sentence(self.random, self.topic, name)
        return text[: schema["maxLength"]] if "maxLength" in schema else text

    def _moment(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.random.randint(0, 31_000_000))

    def _integer(self, schema: Schema, name: str) -> int:
        if name == "slot" and self.slot is not None:
            return self.slot
        if (said := re.search(rf"\b{re.escape(name)} (\d+)\b", self.brief)) is not None:
            return int(said[1])  # the brief asks for it, as "difficulty 4"
        least = schema.get("minimum", schema.get("exclusiveMinimum", 0) if "exclusiveMinimum" in schema else 0)
        return self.random.randint(least, schema.get("maximum", least + 100))


def weave(schema: Schema, prompt: str, seed: str, options: Options, *, short: int = 0) -> Any:
    """A whole answer. Where the schema is an envelope around one array of objects, its k-th item belongs to the
    prompt's k-th slot line; `short` leaves out that many items at the end."""
    slots = [(int(number), brief) for number, brief in _SLOT.findall(prompt)]
    properties = schema.get("properties", {})
    arrays = [key for key, part in properties.items() if part.get("type") == "array"]
    if len(properties) != 1 or not arrays:
        return Weaver(schema, random.Random(seed), None, prompt[-400:]).value(schema)
    array = properties[arrays[0]]
    count = max(array.get("minItems", 0), min(len(slots) or 3, array.get("maxItems", 1_000_000)))
    items: list[Any] = []
    for index in range(max(0, count - short)):
        number, brief = slots[index] if index < len(slots) else (index + 1, prompt[-200:])
        source = random.Random(f"{seed}/{index}")
        weaver = Weaver(schema, source, number, brief, options.strictness)
        if options.duplicates and source.random() < options.duplicates:
            weaver.random = random.Random(f"{options.seed}/twin {source.randrange(TWINS)}")
            weaver.topic = "what everybody thinks of first"
            items.append(twisted(weaver.value(array.get("items", {})), options.twist, source))
            continue
        items.append(weaver.value(array.get("items", {})))
    return {arrays[0]: items}
