"""Find the requirements of a specification by their ids, and assign them to slots. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from quire.batching import balance, partition


@dataclass(frozen=True)
class Requirement:
    """A requirement of the document: its id such as `URS-007`, its text, and the heading above it."""

    id: str
    text: str
    section: str


_LEAD = r"^\s*(?:[-*+]\s+|\d+[.)]\s+|\|\s*|#{1,6}\s+|>\s*)?[*_`\[(]*"
_WITH_ID = re.compile(
    _LEAD
    + r"((?:[A-Z][A-Z0-9]{1,11}(?:-[A-Z0-9]{1,6})*-\d+(?:\.\d+)*|(?:URS|REQ|UR|FR|FRS|SR)[ _]?\d+(?:\.\d+)*)[a-z]?)\b"
    r"[*_`\])]*\s*[:.|\u2013\u2014-]?\s*(.*)$"
)
_CLAUSE = re.compile(r"^\s*(?:[-*+]\s+|\*\*)?(\d+(?:\.\d+)+|\d+(?=[.)]\s))[.)]?(?:\*\*)?\s+(.+)$")
_DOCUMENT_KIND = re.compile(
    r"^(?:user requirements? specifications?|urs)\b\s*(?:for\b|[:\u2013\u2014-])?\s*(?:the\b)?", re.IGNORECASE
)
"""The part of a heading that names the kind of document instead of the system."""
_HEADING = re.compile(r"^\s*#{1,6}\s+(.*?)\s*#*$")
"""A Markdown heading."""


def find_system_name(text: str) -> str | None:
    """Return the system that a specification is about, by its first heading; None if it has none."""
    heading = next((match[1] for match in map(_HEADING.match, text.splitlines()) if match), None)
    return _DOCUMENT_KIND.sub("", heading).strip() or heading if heading else None


def find_requirements(text: str) -> list[Requirement]:
    """Return the requirements with ids; if there are none, the numbered clauses; else the paragraphs.

    An id that starts several lines is one requirement, with the texts joined.
    """
    for pattern in (_WITH_ID, _CLAUSE):
        requirements = _find_by_lines(text, pattern)
        if requirements:
            return requirements
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text)]
    paragraphs = [part for part in paragraphs if part and not _HEADING.match(part)]
    return [Requirement(f"P-{index:03d}", part, "") for index, part in enumerate(paragraphs, 1)]


def _find_by_lines(text: str, pattern: re.Pattern[str]) -> list[Requirement]:
    requirements: dict[str, Requirement] = {}
    section, current = "", None
    for line in text.splitlines():
        row = _move_id_first(line) if line.lstrip().startswith("|") else line
        match = pattern.match(row)
        heading = _HEADING.match(row)
        if match:
            current = match[1]
            body = match[2].strip(" |*")
            previous = requirements.get(current)
            joined = f"{previous.text} {body}".strip() if previous else body
            requirements[current] = Requirement(current, joined, previous.section if previous else section)
        elif heading:
            section, current = heading[1], None
        elif not row.strip():
            current = None
        elif not row.strip(" |-:"):  # the line below a table's first row
            continue
        elif current and current in requirements:
            text_so_far = requirements[current].text
            requirements[current] = replace(requirements[current], text=f"{text_so_far} {row.strip(' |*')}".strip())
    return list(requirements.values())


def _move_id_first(row: str) -> str:
    """Return a table's row with the cell that holds only an id in front: many tables begin with a number or title."""
    cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
    for index, cell in enumerate(cells):
        match = _WITH_ID.match(cell)
        if match and not match[2]:
            others = [other for other in [*cells[:index], *cells[index + 1 :]] if other]
            return f"| {' | '.join([cell, *others])} |"
    return row


def group_related(requirements: Sequence[Requirement]) -> list[Requirement]:
    """Return the requirements with related ones next to each other.

    Sections stay together, in the document's order; a requirement that names another one moves to that one's group.
    """
    by_id = {requirement.id: requirement for requirement in requirements}
    leader = {requirement.id: requirement.id for requirement in requirements}

    def find_leader(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    position = {requirement.id: index for index, requirement in enumerate(requirements)}
    ids = "|".join(map(re.escape, sorted(by_id, key=len, reverse=True)))
    mention = re.compile(rf"(?<![\w.-])({ids})(?![\w-])")
    for requirement in requirements:
        for name in mention.findall(requirement.text) if by_id else []:
            first, second = sorted((find_leader(requirement.id), find_leader(name)), key=position.__getitem__)
            leader[second] = first
    sections = {section: index for index, section in enumerate(dict.fromkeys(r.section for r in requirements))}
    return sorted(
        requirements,
        key=lambda r: (sections[by_id[find_leader(r.id)].section], position[find_leader(r.id)], position[r.id]),
    )


def assign_to_slots(requirements: Sequence[Requirement], sizes: Sequence[int]) -> list[tuple[Requirement, ...]]:
    """Return the requirements of each slot, for batches of these sizes.

    If there is at least one requirement per batch, batches get disjoint, consecutive shares in proportion to their
    size: neighbours neither overlap nor leave a gap. Inside a batch a slot covers several requirements if they
    outnumber the slots; otherwise several slots cover the same one, each under its own aspect.
    """
    if len(requirements) < len(sizes):
        return _spread_evenly(requirements, sum(sizes))
    shares: list[tuple[Requirement, ...]] = []
    start, slots_before, total = 0, 0, sum(sizes)
    for index, size in enumerate(sizes):
        slots_before += size
        batches_after = len(sizes) - index - 1
        end = round(len(requirements) * slots_before / total)
        end = min(max(end, start + 1), len(requirements) - batches_after)
        shares += _spread_evenly(requirements[start:end], size)
        start = end
    return shares


def _spread_evenly(requirements: Sequence[Requirement], slots: int) -> list[tuple[Requirement, ...]]:
    if len(requirements) >= slots:
        return [tuple(requirements[index] for index in group) for group in partition(range(len(requirements)), slots)]
    return [
        (requirement,)
        for requirement, count in zip(requirements, balance(slots, len(requirements)), strict=True)
        for _ in range(count)
    ]
