"""Topics and where they stand: a tree as JSON Lines, or a graph as JSON. Pure."""

import json
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from recipes.base.json_lines import objects
from recipes.base.recipe import InputError

FORM = 'a line is {"path": [...], "leaf_uuid": "..."}'

STAMP = "give every line one with: uv run starter.py topics stamp"


@dataclass(frozen=True)
class Topic:
    """A topic: what identifies it, and the path that leads to it."""

    uuid: str
    path: tuple[str, ...]


@dataclass(frozen=True)
class Topics:
    """The topics of a file, each UUID once, in the file's order."""

    unique: list[Topic]
    found: int
    """Before those with a UUID that was there already were left out."""


def read(text: str, field: str, document: str) -> Topics:
    """The topics of a tree or a graph. Raises InputError that names the line or the node."""
    topics = list(_graph(text, field, document) if _is_graph(text) else _tree(text, field, document))
    unique: dict[str, Topic] = {}
    for topic in topics:
        unique.setdefault(topic.uuid, topic)
    return Topics(list(unique.values()), len(topics))


def stamped(text: str, document: str) -> tuple[str, int]:
    """A tree's text with a new `leaf_uuid` in every line that has none, and how many got one."""
    rows: list[str] = []
    count = 0
    for number, row in objects(text, document, "topics", FORM):
        _path(row, number, "topics", document)
        if not row.get("leaf_uuid"):
            row["leaf_uuid"] = str(uuid.uuid4())
            count += 1
        rows.append(json.dumps(row, ensure_ascii=False))
    return "\n".join(rows) + "\n", count


def _is_graph(text: str) -> bool:
    first = text.lstrip().split("\n", 1)[0]
    try:
        return "nodes" in json.loads(text if first.strip() == "{" else first)
    except (ValueError, TypeError):
        return False


def _path(row: Mapping[str, Any], number: int, field: str, document: str) -> tuple[str, ...]:
    path = row.get("path")
    if not isinstance(path, list) or not path or not all(isinstance(part, str) and part.strip() for part in path):
        raise InputError(field, f"{document}:{number}: `path` is a list of one or more names")
    return tuple(cast(list[str], path))


def _tree(text: str, field: str, document: str) -> Iterable[Topic]:
    for number, row in objects(text, document, field, FORM):
        path = _path(row, number, field, document)
        known = row.get("leaf_uuid")
        if not known:
            raise InputError(field, f"{document}:{number}: `leaf_uuid` is missing; {STAMP} {document}")
        yield Topic(_uuid(known, f"{document}:{number}: `leaf_uuid`", field), path)


def _uuid(value: object, where: str, field: str) -> str:
    try:
        return str(uuid.UUID(str(value)))
    except ValueError:
        raise InputError(field, f"{where} '{value}' is not a UUID") from None


def _graph(text: str, field: str, document: str) -> Iterable[Topic]:
    """The leaves, each with the shortest path from a node that nothing leads to."""
    nodes = _nodes(text, field, document)
    children = {name: [child for child in _links(node, "children") if child in nodes] for name, node in nodes.items()}
    for name, node in nodes.items():
        for parent in _links(node, "parents"):
            if parent in nodes and name not in children[parent]:
                children[parent].append(name)
    led_to = {child for below in children.values() for child in below}
    paths: dict[str, tuple[str, ...]] = {name: (_label(nodes[name]),) for name in nodes if name not in led_to}
    if not paths:
        raise InputError(field, f"{document}: the graph has no root: every node has a parent")
    waiting = deque(paths)
    while waiting:
        name = waiting.popleft()
        for child in children[name]:
            if child not in paths:
                paths[child] = (*paths[name], _label(nodes[child]))
                waiting.append(child)
    for name, path in paths.items():
        if not children[name]:
            metadata = nodes[name].get("metadata") or {}
            if not metadata.get("uuid"):
                raise InputError(field, f"{document}: node {name} has no `metadata.uuid`")
            yield Topic(_uuid(metadata["uuid"], f"{document}: node {name}: `metadata.uuid`", field), path)


def _nodes(text: str, field: str, document: str) -> dict[str, dict[str, Any]]:
    try:
        given = json.loads(text)["nodes"]
    except ValueError as error:
        raise InputError(field, f"{document}: not JSON: {error}") from None
    rows = list(cast(dict[str, Any], given).values()) if isinstance(given, dict) else given
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "id" in row for row in cast(list[Any], rows)):
        raise InputError(field, f"{document}: `nodes` holds objects, each with an `id`")
    return {str(row["id"]): row for row in cast(list[dict[str, Any]], rows)}


def _links(node: Mapping[str, Any], name: str) -> list[str]:
    found = node.get(name) or []
    links = cast(list[Any], found) if isinstance(found, list) else []
    return [str(cast(dict[str, Any], link).get("id") if isinstance(link, dict) else link) for link in links]


def _label(node: Mapping[str, Any]) -> str:
    return str(node.get("topic") or node.get("name") or node["id"])
