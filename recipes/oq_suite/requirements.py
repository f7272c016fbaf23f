"""The requirements of a specification, found by their ids, and how they are dealt out. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from quire.batching import balanced


@dataclass(frozen=True)
class Requirement:
    """A requirement as its document has it: `URS-007`, its text, the heading that it stands under."""

    id: str
    text: str
    section: str


_LEAD = r"^\s*(?:[-*+]\s+|\d+[.)]\s+|\|\s*|#{1,6}\s+|>\s*)?[*_`\[(]*"
_NAMED = re.compile(
    _LEAD
    + r"((?:[A-Z][A-Z0-9]{1,11}(?:-[A-Z0-9]{1,6})*-\d+(?:\.\d+)*|(?:URS|REQ|UR|FR|FRS|SR)[ _]?\d+(?:\.\d+)*)[a-z]?)\b"
    r"[*_`\])]*\s*[:.|\u2013\u2014-]?\s*(.*)$"
)
_CLAUSE = re.compile(r"^\s*(?:[-*+]\s+|\*\*)?(\d+(?:\.\d+)+|\d+(?=[.)]\s))[.)]?(?:\*\*)?\s+(.+)$")
_OF_KIND = re.compile(
    r"^(?:user requirements? specifications?|urs)\b\s*(?:for\b|[:\u2013\u2014-])?\s*(?:the\b)?", re.IGNORECASE
)
"""What a heading says of the document instead of the system."""
_HEADING = re.compile(r"^\s*#{1,6}\s+(.*?)\s*#*$")


def system_of(text: str) -> str | None:
    """What a specification is about, by its first heading; None where it has none."""
    named = next((found[1] for found in map(_HEADING.match, text.splitlines()) if found), None)
    return _OF_KIND.sub("", named).strip() or named if named else None


def find(text: str) -> list[Requirement]:
    """Requirements by their ids; where there are none the numbered clauses; where there are none the paragraphs.

    An id that comes again at the start of a line is taken once, with the texts joined.
    """
    for pattern in (_NAMED, _CLAUSE):
        found = _by_lines(text, pattern)
        if found:
            return found
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text)]
    kept = [part for part in paragraphs if part and not _HEADING.match(part)]
    return [Requirement(f"P-{index:03d}", part, "") for index, part in enumerate(kept, 1)]


def _by_lines(text: str, pattern: re.Pattern[str]) -> list[Requirement]:
    found: dict[str, Requirement] = {}
    section, current = "", None
    for line in text.splitlines():
        row = _id_first(line) if line.lstrip().startswith("|") else line
        match = pattern.match(row)
        heading = _HEADING.match(row)
        if match:
            current = match[1]
            body = match[2].strip(" |*")
            known = found.get(current)
            joined = f"{known.text} {body}".strip() if known else body
            found[current] = Requirement(current, joined, known.section if known else section)
        elif heading:
            section, current = heading[1], None
        elif not row.strip():
            current = None
        elif not row.strip(" |-:"):  # the line below a table's first row
            continue
        elif current and current in found:
            found[current] = replace(found[current], text=f"{found[current].text} {row.strip(' |*')}".strip())
    return list(found.values())


def _id_first(row: str) -> str:
    """A table's row with the cell that is nothing but an id in front: tables often begin with a number or a title."""
    cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
    for at, cell in enumerate(cells):
        match = _NAMED.match(cell)
        if match and not match[2]:
            return f"| {' | '.join([cell, *(other for other in [*cells[:at], *cells[at + 1 :]] if other)])} |"
    return row


def related(requirements: Sequence[Requirement]) -> list[Requirement]:
    """The same requirements with related ones next to each other: one section's together, in the document's order,
    and one that names another right behind the group that it names."""
    by_id = {requirement.id: requirement for requirement in requirements}
    leader = {requirement.id: requirement.id for requirement in requirements}

    def root(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    place = {requirement.id: index for index, requirement in enumerate(requirements)}
    word = re.compile(r"(?<![\w.-])(" + "|".join(map(re.escape, sorted(by_id, key=len, reverse=True))) + r")(?![\w-])")
    for requirement in requirements:
        for named in word.findall(requirement.text) if by_id else []:
            first, second = sorted((root(requirement.id), root(named)), key=place.__getitem__)
            leader[second] = first
    sections = {section: index for index, section in enumerate(dict.fromkeys(r.section for r in requirements))}
    return sorted(
        requirements,
        key=lambda r: (sections[by_id[root(r.id)].section], place[root(r.id)], place[r.id]),
    )


def deal(requirements: Sequence[Requirement], sizes: Sequence[int]) -> list[tuple[Requirement, ...]]:
    """What each slot covers, for batches of these sizes.

    Batches get disjoint, consecutive shares in proportion to their size, as long as there is one for each batch:
    neighbours neither overlap nor leave a gap. Inside a batch a slot covers several when requirements outnumber
    slots; otherwise several slots cover the same one, each from its own side.
    """
    if len(requirements) < len(sizes):
        return _spread(requirements, sum(sizes))
    covered: list[tuple[Requirement, ...]] = []
    start, slots_before, total = 0, 0, sum(sizes)
    for index, size in enumerate(sizes):
        slots_before += size
        left = len(sizes) - index - 1
        end = round(len(requirements) * slots_before / total)
        end = min(max(end, start + 1), len(requirements) - left)
        covered += _spread(requirements[start:end], size)
        start = end
    return covered


def _spread(requirements: Sequence[Requirement], slots: int) -> list[tuple[Requirement, ...]]:
    if len(requirements) >= slots:
        at, shares = 0, list[tuple[Requirement, ...]]()
        for size in balanced(len(requirements), slots):
            shares.append(tuple(requirements[at : at + size]))
            at += size
        return shares
    return [
        (requirement,)
        for requirement, times in zip(requirements, balanced(slots, len(requirements)), strict=True)
        for _ in range(times)
    ]
