"""Read topics and their paths: a tree as JSON Lines, or a graph as JSON. Pure."""

import json
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from recipes.base.json_lines import parse_json_lines
from recipes.base.recipe import InputError

FORM = 'a line is {"path": [...], "leaf_uuid": "..."}'
STAMP_COMMAND = "uv run starter.py topics stamp"

Nodes = Mapping[str, Mapping[str, Any]]
"""The nodes of a graph by id."""
Children = Mapping[str, Sequence[str]]
"""The ids of each node's children, by the node's id."""


@dataclass(frozen=True)
class Topic:
    """A topic: its UUID, and the path that leads to it."""

    uuid: str
    path: tuple[str, ...]


@dataclass(frozen=True)
class Topics:
    """The topics of a file, each UUID once, in the file's order."""

    unique: list[Topic]
    listed: int
    """Topics of the file, duplicate UUIDs included."""


def read_topics(text: str, field: str, document: str) -> Topics:
    """Return the topics of a tree or a graph. Raises InputError that names the line or the node."""
    read = _read_graph if _is_graph(text) else _read_tree
    topics = list(read(text, field, document))
    unique: dict[str, Topic] = {}
    for topic in topics:
        unique.setdefault(topic.uuid, topic)
    return Topics(list(unique.values()), len(topics))


def stamp_uuids(text: str, document: str) -> tuple[str, int]:
    """Return a tree's text with a new `leaf_uuid` in every line that has none, and the number of new ones."""
    rows: list[str] = []
    count = 0
    for number, row in parse_json_lines(text, document, "topics", FORM):
        _read_path(row, number, "topics", document)
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


def _read_path(row: Mapping[str, Any], number: int, field: str, document: str) -> tuple[str, ...]:
    path = row.get("path")
    if not isinstance(path, list) or not path or not all(isinstance(part, str) and part.strip() for part in path):
        raise InputError(field, f"{document}:{number}: `path` is a list of one or more names")
    return tuple(cast(list[str], path))


def _read_tree(text: str, field: str, document: str) -> Iterator[Topic]:
    for number, row in parse_json_lines(text, document, field, FORM):
        path = _read_path(row, number, field, document)
        value = row.get("leaf_uuid")
        if not value:
            command = f"{STAMP_COMMAND} {document}"
            raise InputError(field, f"{document}:{number}: `leaf_uuid` is missing; give every line one with: {command}")
        yield Topic(_normalize_uuid(value, f"{document}:{number}: `leaf_uuid`", field), path)


def _normalize_uuid(value: object, place: str, field: str) -> str:
    try:
        return str(uuid.UUID(str(value)))
    except ValueError:
        raise InputError(field, f"{place} '{value}' is not a UUID") from None


def _read_graph(text: str, field: str, document: str) -> Iterator[Topic]:
    """Yield the leaves, each with the shortest path from a root: a node without parents."""
    nodes = _read_nodes(text, field, document)
    children = _collect_children(nodes)
    paths = _find_shortest_paths(nodes, children)
    if not paths:
        raise InputError(field, f"{document}: the graph has no root: every node has a parent")
    for name, path in paths.items():
        if not children[name]:
            metadata = nodes[name].get("metadata") or {}
            if not metadata.get("uuid"):
                raise InputError(field, f"{document}: node {name} has no `metadata.uuid`")
            yield Topic(_normalize_uuid(metadata["uuid"], f"{document}: node {name}: `metadata.uuid`", field), path)


def _read_nodes(text: str, field: str, document: str) -> Nodes:
    try:
        nodes = json.loads(text)["nodes"]
    except ValueError as error:
        raise InputError(field, f"{document}: not JSON: {error}") from None
    rows = list(cast(dict[str, Any], nodes).values()) if isinstance(nodes, dict) else nodes
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "id" in row for row in cast(list[Any], rows)):
        raise InputError(field, f"{document}: `nodes` must hold objects, each with an `id`")
    return {str(row["id"]): row for row in cast(list[dict[str, Any]], rows)}


def _collect_children(nodes: Nodes) -> Children:
    """Return each node's children, from the links of both ends."""
    children = {
        name: [child for child in _read_links(node, "children") if child in nodes] for name, node in nodes.items()
    }
    for name, node in nodes.items():
        for parent in _read_links(node, "parents"):
            if parent in nodes and name not in children[parent]:
                children[parent].append(name)
    return children


def _find_shortest_paths(nodes: Nodes, children: Children) -> dict[str, tuple[str, ...]]:
    """Return the path of names to each node, breadth first from all roots; empty if there is no root."""
    with_parent = {child for names in children.values() for child in names}
    paths: dict[str, tuple[str, ...]] = {name: (_read_name(nodes[name]),) for name in nodes if name not in with_parent}
    queue = deque(paths)
    while queue:
        name = queue.popleft()
        for child in children[name]:
            if child not in paths:
                paths[child] = (*paths[name], _read_name(nodes[child]))
                queue.append(child)
    return paths


def _read_links(node: Mapping[str, Any], name: str) -> list[str]:
    value = node.get(name) or []
    links = cast(list[Any], value) if isinstance(value, list) else []
    return [str(cast(dict[str, Any], link).get("id") if isinstance(link, dict) else link) for link in links]


def _read_name(node: Mapping[str, Any]) -> str:
    return str(node.get("topic") or node.get("name") or node["id"])
