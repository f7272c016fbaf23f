"""Documents for people to read and sign, as blocks: a recipe builds them once, Markdown and Word render them. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

BOX = "\u2610"
"""An empty box to tick by hand."""


@dataclass(frozen=True)
class Title:
    """The title of the document."""

    text: str


@dataclass(frozen=True)
class Heading:
    """A heading. Level 1 is a chapter, 2 an item (the output format writes it), 3 a part of an item."""

    text: str
    level: int


@dataclass(frozen=True)
class Paragraph:
    """Plain text; its line breaks stay."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Fields:
    """Pairs of a name and its value."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Entries:
    """A list below its label; with `boxes`, each entry has a box to tick."""

    entries: Sequence[str]
    label: str = ""
    boxes: bool = False


@dataclass(frozen=True)
class Table:
    """Rows below a head. `widths` are shares of the page; columns are equal if there are none."""

    head: Sequence[str]
    rows: Iterable[Sequence[str]]
    widths: Sequence[int] = ()


@dataclass(frozen=True)
class PageBreak:
    """The start of a new page."""


Block = Title | Heading | Paragraph | Fields | Entries | Table | PageBreak


@dataclass(frozen=True)
class RunInfo:
    """Facts about the run that made the document."""

    run: str
    date: str | None
    """When the run began, in UTC."""
    model: str
    verdict: str
    items: int
    target: int
    noun: str
    simulated: bool


def build_title_page(title: str, facts: Mapping[str, Any], about: RunInfo) -> Iterator[Block]:
    """Yield the first page: what was made, from what, by which model, and how the run ended."""
    yield Title(title)
    if about.simulated:
        yield Paragraph("SIMULATED: this text was made by the offline simulator, not by a model.", strong=True)
    rows = [(format_label(name), format_value(value)) for name, value in facts.items()]
    if about.date:
        rows.append(("Date of the run", about.date))
    rows += [("Run", about.run), ("Model", about.model), ("Verdict", about.verdict)]
    yield Fields([*rows, (format_label(about.noun), f"{about.items} of {about.target}")])


def build_signature_table() -> Table:
    """Return the table in which those responsible for a document sign it."""
    rows = [(role, "", "", "") for role in ("Prepared by", "Reviewed by", "Approved by")]
    return Table(("", "Name", "Date", "Signature"), rows, (3, 5, 3, 5))


def describe_source(provenance: Mapping[str, Any]) -> str:
    """Return who wrote an item: a model, the simulator or a template."""
    if provenance["source"] == "fallback":
        return "template, no model wrote it"
    author = "simulator, as" if provenance["simulated"] else "model"
    return f"{author} {provenance['model']}, batch {provenance['batch']}"


def build_item_blocks(fields: Mapping[str, Any]) -> Iterator[Block]:
    """Yield any item in a readable way: short values as fields, lists as lists, lists of objects as tables."""
    pending: list[tuple[str, str]] = []
    for name, value in _flatten_fields(fields):
        table = _build_table(value)
        if table is None and not _is_list_of_texts(value):
            pending.append((name, format_value(value)))
            continue
        if pending:
            yield Fields(pending)
            pending = []
        if table is None:
            yield Entries([format_value(entry) for entry in value], name)
        else:
            yield Paragraph(name, strong=True)
            yield table
    if pending:
        yield Fields(pending)


def _flatten_fields(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the label and value of every field that is not empty; an object's fields take its place."""
    for name, value in fields.items():
        if name == "provenance":
            yield "Source", describe_source(value)
        elif isinstance(value, dict):
            for inner, part in _flatten_fields(cast(dict[str, Any], value)):
                yield f"{format_label(name)}: {inner[:1].lower()}{inner[1:]}", part
        elif value is not None and value not in ("", []):
            yield format_label(name), value


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and not any(isinstance(part, dict | list) for part in cast(list[Any], value))


def _build_table(value: Any) -> Table | None:
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in cast(list[Any], value)):
        return None
    parts = cast(list[dict[str, Any]], value)
    names = list(dict.fromkeys(name for part in parts for name in part))
    rows = [[format_value(part.get(name)) for name in names] for part in parts]
    return Table([format_label(name) for name in names], rows) if names else None


def format_label(name: str) -> str:
    """Return a field's name as a person writes it: `test_case` is `Test case`."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def format_value(value: Any) -> str:
    """Return a value as a person reads it; what has no plain form is JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and _is_list_of_texts(value):
        return "; ".join(format_value(part) for part in cast(list[Any], value))
    parts = cast(dict[str, Any], value if isinstance(value, dict) else {})
    if parts and not any(isinstance(part, dict | list) for part in parts.values()):
        return "; ".join(f"{name}: {format_value(part)}" for name, part in parts.items())
    return json.dumps(value, ensure_ascii=False)
