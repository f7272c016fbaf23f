"""A document for people to read and sign, as blocks: each recipe says it once, Markdown and Word both show it. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

BOX = "\u2610"
"""An empty box, to be ticked by hand."""


@dataclass(frozen=True)
class Title:
    """The document's own."""

    text: str


@dataclass(frozen=True)
class Heading:
    """Level 1 is a chapter, 2 an item (written by the form itself), 3 a part of an item."""

    text: str
    level: int


@dataclass(frozen=True)
class Paragraph:
    """Plain text; its line breaks stay."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Fields:
    """Names and what they stand for."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Entries:
    """A list below its name; `boxes` are to be ticked."""

    entries: Sequence[str]
    label: str = ""
    boxes: bool = False


@dataclass(frozen=True)
class Table:
    """Rows below a head; `widths` are shares of the page, equal ones where they are not given."""

    head: Sequence[str]
    rows: Iterable[Sequence[str]]
    widths: Sequence[int] = ()


@dataclass(frozen=True)
class PageBreak:
    """What follows begins on a new page."""


Block = Title | Heading | Paragraph | Fields | Entries | Table | PageBreak


@dataclass(frozen=True)
class About:
    """What is known of the run that made the document."""

    run: str
    date: str | None
    """When it began, in UTC."""
    model: str
    verdict: str
    items: int
    target: int
    noun: str
    simulated: bool


def title_page(title: str, facts: Mapping[str, Any], about: About) -> Iterator[Block]:
    """What was made, from what, by whom, and how it ended."""
    yield Title(title)
    if about.simulated:
        yield Paragraph("SIMULATED: this text was made by the offline simulator, not by a model.", strong=True)
    rows = [(label(name), shown(value)) for name, value in facts.items()]
    if about.date:
        rows.append(("Date of the run", about.date))
    rows += [("Run", about.run), ("Model", about.model), ("Verdict", about.verdict)]
    yield Fields([*rows, (label(about.noun), f"{about.items} of {about.target}")])


def signatures() -> Table:
    """Where those who answer for a document sign it."""
    rows = [(role, "", "", "") for role in ("Prepared by", "Reviewed by", "Approved by")]
    return Table(("", "Name", "Date", "Signature"), rows, (3, 5, 3, 5))


def source(provenance: Mapping[str, Any]) -> str:
    """Who wrote an item."""
    if provenance["source"] == "fallback":
        return "template, no model wrote it"
    made = "simulator, as" if provenance["simulated"] else "model"
    return f"{made} {provenance['model']}, batch {provenance['batch']}"


def laid_out(fields: Mapping[str, Any]) -> Iterator[Block]:
    """Any item in a readable way: what is short as fields, lists as lists, lists of objects as tables."""
    gathered: list[tuple[str, str]] = []
    for name, value in _spread(fields):
        table = _table(value)
        if table is None and not _is_list_of_texts(value):
            gathered.append((name, shown(value)))
            continue
        if gathered:
            yield Fields(gathered)
            gathered = []
        if table is None:
            yield Entries([shown(entry) for entry in value], name)
        else:
            yield Paragraph(name, strong=True)
            yield table
    if gathered:
        yield Fields(gathered)


def _spread(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every field that says something, by its label; an object's own in its place."""
    for name, value in fields.items():
        if name == "provenance":
            yield "Source", source(value)
        elif isinstance(value, dict):
            for inner, part in _spread(cast(dict[str, Any], value)):
                yield f"{label(name)}: {inner[:1].lower()}{inner[1:]}", part
        elif value is not None and value not in ("", []):
            yield label(name), value


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and not any(isinstance(part, dict | list) for part in cast(list[Any], value))


def _table(value: Any) -> Table | None:
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in cast(list[Any], value)):
        return None
    parts = cast(list[dict[str, Any]], value)
    names = list(dict.fromkeys(name for part in parts for name in part))
    rows = [[shown(part.get(name)) for name in names] for part in parts]
    return Table([label(name) for name in names], rows) if names else None


def label(name: str) -> str:
    """A field's name as a person writes it."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def shown(value: Any) -> str:
    """A value as a person reads it."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and _is_list_of_texts(value):
        return "; ".join(shown(part) for part in cast(list[Any], value))
    parts = cast(dict[str, Any], value if isinstance(value, dict) else {})
    if parts and not any(isinstance(part, dict | list) for part in parts.values()):
        return "; ".join(f"{name}: {shown(part)}" for name, part in parts.items())
    return json.dumps(value, ensure_ascii=False)
