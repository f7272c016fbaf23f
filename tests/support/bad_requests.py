"""A generator of requests that must be refused by a sentence with file and field: wrong kinds of values, numbers out of
bounds, stores, endpoints, schemas, slips of YAML, templates that explode; and of ids that are none."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML

HEAD = """recipe: custom
target: 2
inputs:
  item: {type: object, properties: {title: {type: string}}, required: [title]}
  instructions: Make things.
"""
GOOD = HEAD + "  prompt: thing {{ index }}\n  slots: {count: 2}\n"
WRONG_KINDS: dict[str, tuple[str, ...]] = {
    "text": ("1", "true", "[a]", "{a: b}", "null", '""'),
    "number": ("one", "true", "[1]", "{a: 1}", "0", "-1", "1.5", "1e999", ".inf", "9" * 40, '"1"'),
    "flag": ("yes please", "1", "[true]", "{a: true}", "null"),
    "list": ("1", "true", "{a: b}", "[[a]]", "[1]", "[]"),
    "group": ("1", "a", "[a]", "true", "{nothing: 1}"),
    "choice": ("nonsense", "1", "[a]", "{a: b}", "null"),
}
FIELDS = {
    "model.max_output_tokens": "number",
    "model.timeout_seconds": "number",
    "model.rpm": "number",
    "model.tpm": "number",
    "batching.trigger": "number",
    "batching.concurrency": "number",
    "batching.tokens_per_item": "number",
    "retry.attempts": "number",
    "budget.tokens": "number",
    "target": "number",
    "inputs.slots.count": "number",
    "model.name": "text",
    "inputs.instructions": "text",
    "inputs.prompt": "text",
    "output.store": "text",
    "batching.enabled": "flag",
    "batching.warm_up": "flag",
    "reuse": "flag",
    "duplicates.keep_last": "flag",
    "output.formats": "list",
    "inputs.checks": "list",
    "model.fallbacks": "list",
    "model": "group",
    "batching": "group",
    "retry": "group",
    "budget": "group",
    "output": "group",
    "duplicates": "group",
    "inputs.slots": "group",
    "inputs.item": "group",
    "on_failure": "choice",
    "approve": "choice",
    "duplicates.method": "choice",
    "batching.context": "choice",
}
ALLOWED = {
    ("batching.context", "null"), ("inputs.checks", "[]"), ("model.fallbacks", "[]"), ("model.rpm", "null"),
    ("model.tpm", "null"), ("budget.tokens", "null"), ("target", "null"), ("budget.tokens", "9" * 40),
}  # fmt: skip
"""Of the values above, those that a field may have."""
STORES = (
    "memory:///", "memory:///x", "http://a/b", "https://a/b", "file:///tmp/x", "ftp://a/b", "s3:/a", "s3://", "gs:///x",
    "s3://KEY:SECRET@bucket/x", "az://", '"a\\0b"', '"a\\nb"', '"a\\x1bb"', '" "',
)  # fmt: skip
ENDPOINTS = (
    '"http://[::1"',
    "http://",
    "http://a:port",
    '"http://a b"',
    '"http://a\\n"',
    "http://a:99999999",
    "nonsense",
)
SCHEMAS = (
    "{minLength: 5, maxLength: 2}", "{minimum: 5, maximum: 2}", "{exclusiveMinimum: 2, maximum: 2}", "false",
    "{type: string, enum: [1, 2]}", "{type: integer, const: a}", "{type: nonsense}", "{$ref: '#/nowhere'}",
    "{type: array, items: {minLength: 3, maxLength: 1}}", "{type: array, minItems: 3, maxItems: 1}",
    "{$ref: 'http://a/b'}", "{type: string, pattern: '('}",
)  # fmt: skip
BOMBS = (
    "{{ '%1000000000d'|format(1) }}",
    "{{ 'a'|indent(900000000) }}",
    "{{ {'a': 1}|tojson(indent=900000000) }}",
    "{{ 'a' * 900000000 }}",
    "{{ ([1] * 90000000)|join('aaaaaaaaaa')|length }}",
    "{{ range(100000)|join(range(100000)|join)|length }}",
    "{% set n='aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' %}{% set a=n|replace('a',n) %}{% set b=a|replace('a',a) %}"
    "{% set c=b|replace('a',b) %}{{ c|length }}",
    "{% set s=namespace(x='aaaa') %}{% for i in range(40) %}{% set s.x=s.x~s.x %}{% endfor %}{{ s.x|length }}",
    "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
)
"""Templates of a few letters that would take gigabytes or minutes."""
UNQUOTED = ("{{ index }}", "{{ index }} of {{ count }}", "{% if index %}a{% endif %}", "{{ a }} b", "{# note #} a")
IDS = ("", " ", ".", "..", ".answers", "-rf", "--help", "a/b", "a\nb", "a\0b", "a\x1b[31m", "x" * 201, "a;b", "\u202ea")


@dataclass(frozen=True)
class BadRequest:
    """A request file that must be refused."""

    name: str
    text: str
    field: str = ""
    """What the message names: a field, or a part of one."""
    settings: tuple[str, ...] = ()
    """Values of `--set`."""


def list_bad_requests() -> list[BadRequest]:
    """Return some hundreds of requests that must be refused before anything is sent."""
    return [*_list_wrong_kinds(), *_list_wrong_values(), *_list_yaml_slips(), *_list_wrong_settings()]


def _list_wrong_kinds() -> Iterator[BadRequest]:
    for field, kind in FIELDS.items():
        for value in WRONG_KINDS[kind]:
            if (field, value) not in ALLOWED:
                yield BadRequest(f"{field}={value[:20]}", _with_value(field, value), field.split(".")[0])
    for field in ("nonsense", "model.nonsense", "inputs.nonsense", "output.nonsense", "inputs.slots.nonsense"):
        yield BadRequest(f"unknown {field}", _with_value(field, "1"), field)


def _list_wrong_values() -> Iterator[BadRequest]:
    for store in STORES:
        yield BadRequest(f"store {store}", _with_value("output.store", store), "output.store")
    for address in ENDPOINTS:
        yield BadRequest(f"endpoint {address}", _with_value("model.base_url", address), "model.base_url")
    for schema in SCHEMAS:
        item = f"{{type: object, properties: {{title: {schema}}}}}"
        yield BadRequest(f"schema {schema}", _with_value("inputs.item", item), "inputs.item")
    for bomb in BOMBS:
        yield BadRequest(f"template {bomb[:40]}", _with_value("inputs.prompt", f'"{bomb}"'), "inputs.prompt")
    same = "[{name: a, count: 1}, {name: b, groups: [{name: c, count: 1}, {name: c, count: 1}]}]"
    yield BadRequest(
        "a group's name twice", _with_value("inputs.slots", f"{{groups: {same}}}"), "groups.1.groups.1.name"
    )
    many = "{list: [a, b, c], each: 900000}"
    yield BadRequest("list times each", _with_value("inputs.slots", many).replace("target: 2\n", ""), "inputs.slots")
    nothing = _with_value("inputs.slots", "{count: 2, list: [a]}")
    yield BadRequest("two sources", nothing, "inputs.slots")
    yield BadRequest("unknown variable", _with_value("inputs.prompt", '"{{ nobody }}"'), "inputs.prompt")
    yield BadRequest("unknown recipe", GOOD.replace("recipe: custom", "recipe: poem"), "recipe")


def _list_yaml_slips() -> Iterator[BadRequest]:
    for template in UNQUOTED:
        text = f"{HEAD}  prompt: {template}\n  slots: {{count: 2}}\n"
        yield BadRequest(f"unquoted {template}", text, "inputs.prompt: a template must stand in quotes")
    aliases = "".join(f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
    bomb = f"x-bomb:\n  a0: &a0 [{', '.join('x' * 9)}]\n{aliases}"
    yield BadRequest("alias bomb", f"{bomb}{GOOD}", "aliases written out")
    yield BadRequest(
        "alias bomb in params", f"{GOOD}  params:\n    a0: &a0 [x, x]\n  {aliases.replace('  a', '    a')}"
    )
    yield BadRequest("deep", f"{GOOD}  params: {'[' * 300}{']' * 300}\n", "100 levels")
    yield BadRequest("deep mappings", f"{GOOD}  params: {'{a: ' * 300}1{'}' * 300}\n", "100 levels")
    for letter in "\0\x01\x1b\x7f\x80\ud7ff\ufffe".replace("\ud7ff", ""):
        yield BadRequest(
            f"character {ord(letter):x}", GOOD.replace("things.", f"th{letter}ings"), "inputs.instructions"
        )
    yield BadRequest("tab", GOOD.replace("  prompt", "\tprompt"))
    yield BadRequest("key twice", GOOD + "target: 3\n", "target")
    yield BadRequest("month 13", GOOD + "seed: 2024-13-45\n", "seed")
    yield BadRequest("long number", GOOD + f"seed: {'9' * 5000}\n", "seed")
    yield BadRequest("unknown alias", GOOD + "model: *nobody\n")
    yield BadRequest("open quote", GOOD + 'model: {name: "x}\n')
    yield BadRequest("open bracket", GOOD + "model: {name: x\n")
    yield BadRequest("two documents", GOOD + "---\na: 1\n")
    yield BadRequest("key that is a list", GOOD + "? [a, b]\n: 1\n")
    for text in ("", "a", "[1]", "- a: 1", "null", "# only a comment\n"):
        yield BadRequest(f"not a mapping {text!r}", text, "a mapping of fields")


def _list_wrong_settings() -> Iterator[BadRequest]:
    for setting, words in (
        ("target", "field=value"),
        ("=1", "field=value"),
        ("target.a=1", "not a group"),
        ("model.name={", "--set"),
        ("target='", "--set"),
        ('model.name="\\q"', "--set"),
        ("inputs.prompt={{ index }}", "--set"),
        ("inputs.slots.list=[a]", "--set inputs.slots.list"),
        ("seed=2024-13-45", "--set"),
        (f"seed={'9' * 5000}", "--set"),
        ("output.store=memory:///", "--set output.store"),
        ("model.name=a\0b\x1b", "--set"),
        (f"inputs.params={'[' * 300}{']' * 300}", "--set"),
    ):
        yield BadRequest(f"--set {setting[:40]!r}", GOOD, words, (setting,))


def _with_value(field: str, value: str) -> str:
    """Return the good request with a value, as YAML, in the place of a field."""
    fields: Any = YAML(typ="safe").load(GOOD)
    *parents, last = field.split(".")
    group = fields
    for name in parents:
        group = group.setdefault(name, {})
    group.pop(last, None)
    lines = _write_lines(fields, ())
    at = next((n for n, (path, _) in enumerate(lines) if path == tuple(parents)), -1) + 1
    lines.insert(at, ((*parents, last), f"{'  ' * len(parents)}{last}: {value}"))
    return "\n".join(line for _, line in lines) + "\n"


def _write_lines(group: dict[str, Any], path: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    """Return each field of nested groups with its line of YAML."""
    lines: list[tuple[tuple[str, ...], str]] = []
    for name, value in group.items():
        indent = "  " * len(path)
        if isinstance(value, dict) and value:
            lines += [((*path, name), f"{indent}{name}:"), *_write_lines(value, (*path, name))]
        elif isinstance(value, dict):
            lines.append(((*path, name), f"{indent}{name}:"))
        else:
            lines.append(((*path, name), f"{indent}{name}: {_to_yaml(value)}"))
    return lines


def _to_yaml(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
