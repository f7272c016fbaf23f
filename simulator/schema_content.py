"""Content for any JSON schema, derived from the prompt's slot lines; equal for equal requests and seeds."""

import random
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from simulator.item_variation import vary_item
from simulator.options import Options
from simulator.regex_strings import generate_match
from simulator.sentences import write_sentence

Schema = dict[str, Any]
DISTINCT_REPEATS = 10
"""Number of distinct items among the repeated ones."""
_JUDGEMENTS = ("acceptable",)
"""Boolean properties that are a reviewing model's verdicts, mostly true."""
_SLOT = re.compile(r"^[ \t]*[-*]?[ \t]*slot (\d+):[ \t]*(.+)$", re.IGNORECASE | re.MULTILINE)


class ContentGenerator:
    """Generates a value of one schema for one brief."""

    def __init__(
        self, root: Schema, source: random.Random, slot: int | None, brief: str, strictness: float = 0.0
    ) -> None:
        self.root, self.random, self.slot, self.brief = root, source, slot, brief
        self.topic = brief
        self.strictness = strictness

    def generate(self, schema: Any, name: str = "", depth: int = 0) -> Any:
        """Return a value that the schema allows."""
        if not isinstance(schema, dict):
            return write_sentence(self.random, self.topic, name)
        schema = self._resolve_references(cast(Schema, schema))
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._choose(schema["enum"])
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next((k for k in cast(list[str], kind) if k != "null"), "null")
        generators: dict[str, Callable[[], Any]] = {
            "object": lambda: self._generate_object(schema, depth),
            "array": lambda: self._generate_array(schema, name, depth),
            "string": lambda: self._generate_string(schema, name),
            "integer": lambda: self._generate_integer(schema, name),
            "number": lambda: round(self.random.uniform(schema.get("minimum", 0), schema.get("maximum", 100)), 2),
            "boolean": lambda: self.random.random() >= (self.strictness if name in _JUDGEMENTS else 0.5),
            "null": lambda: None,
        }
        return generators.get(str(kind), generators["string"])()

    def _resolve_references(self, schema: Schema) -> Schema:
        for _ in range(20):
            if "$ref" in schema:
                target: Any = self.root
                for part in str(schema["$ref"]).removeprefix("#").strip("/").split("/"):
                    target = target.get(part, {}) if part else target
                schema = target
            elif "allOf" in schema:
                merged = {key: value for key, value in schema.items() if key != "allOf"}
                for part in schema["allOf"]:
                    merged |= self._resolve_references(part)
                schema = merged
            elif option := schema.get("anyOf") or schema.get("oneOf"):
                schema = option[0]
            else:
                break
        return schema

    def _choose(self, allowed: list[Any]) -> Any:
        mentioned = [value for value in allowed if str(value).lower() in self.brief.lower()]
        return self.random.choice(mentioned or allowed)

    def _generate_object(self, schema: Schema, depth: int) -> Any:
        if depth > 12:
            return {}
        required = set(schema.get("required", []))
        fields = {
            key: part
            for key, part in schema.get("properties", {}).items()
            if key in required or (depth < 6 and self.random.random() < 0.8)
        }
        return {key: self.generate(part, key, depth + 1) for key, part in fields.items()}

    def _generate_array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        inner = self._resolve_references(schema.get("items", {"type": "string"}))
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        if "enum" in inner:
            mentioned = [v for v in inner["enum"] if re.search(rf"(?<![\w-]){re.escape(str(v))}(?![\w-])", self.brief)]
            return (mentioned or [self._choose(inner["enum"])])[:most]
        count = max(least, min(self.random.randint(2, 4), most if most is not None else 4))
        return [self.generate(inner, name, depth + 1) for _ in range(count)]

    def _generate_string(self, schema: Schema, name: str) -> str:
        if "pattern" in schema:
            return generate_match(schema["pattern"], self.random)
        generate_format = {
            "date": lambda: self._draw_time().date().isoformat(),
            "date-time": lambda: self._draw_time().isoformat(),
            "uuid": lambda: str(uuid.UUID(int=self.random.getrandbits(128), version=4)),
            "email": lambda: f"person{self.random.randint(1, 99999)}@example.com",
            "uri": lambda: f"https://example.com/{self.random.randint(1, 99999)}",
        }.get(schema.get("format", ""))
        text = generate_format() if generate_format else write_sentence(self.random, self.topic, name)
        while len(text) < schema.get("minLength", 0):
            text += " " + write_sentence(self.random, self.topic, name)
        return text[: schema["maxLength"]] if "maxLength" in schema else text

    def _draw_time(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.random.randint(0, 31_000_000))

    def _generate_integer(self, schema: Schema, name: str) -> int:
        if name == "slot" and self.slot is not None:
            return self.slot
        if (match := re.search(rf"\b{re.escape(name)} (\d+)\b", self.brief)) is not None:
            return int(match[1])  # the brief states it, as in "difficulty 4"
        least = schema.get("minimum", schema.get("exclusiveMinimum", 0) if "exclusiveMinimum" in schema else 0)
        return self.random.randint(least, schema.get("maximum", least + 100))


def generate_answer(schema: Schema, prompt: str, seed: str, options: Options, *, short: int = 0) -> Any:
    """Return an answer for the schema.

    If the schema is an envelope around one array of objects, its k-th item belongs to the prompt's k-th slot line;
    `short` leaves out that many items at the end.
    """
    slots = [(int(number), brief) for number, brief in _SLOT.findall(prompt)]
    properties = schema.get("properties", {})
    arrays = [key for key, part in properties.items() if part.get("type") == "array"]
    if len(properties) != 1 or not arrays:
        return ContentGenerator(schema, random.Random(seed), None, prompt[-400:]).generate(schema)
    array = properties[arrays[0]]
    count = max(array.get("minItems", 0), min(len(slots) or 3, array.get("maxItems", 1_000_000)))
    items: list[Any] = []
    for index in range(max(0, count - short)):
        number, brief = slots[index] if index < len(slots) else (index + 1, prompt[-200:])
        source = random.Random(f"{seed}/{index}")
        generator = ContentGenerator(schema, source, number, brief, options.strictness)
        if options.duplicates and source.random() < options.duplicates:
            # the seed decides the texts: another word in it would change the items of every demo
            generator.random = random.Random(f"{options.seed}/twin {source.randrange(DISTINCT_REPEATS)}")
            generator.topic = "what everybody thinks of first"
            items.append(vary_item(generator.generate(array.get("items", {})), options.twist, source))
            continue
        items.append(generator.generate(array.get("items", {})))
    return {arrays[0]: items}
