"""Look for twins among the items that are there; the later one, in slot order, is rejected."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity

from activities.duplicates import existing_items
from activities.duplicates.embeddings import Semantic, Vectors
from activities.model.endpoints import Endpoints
from activities.store import signatures
from activities.store.batch_files import Shelf, open_shelf, rejected_items, rejected_key, rejections
from activities.store.object_store import Store
from activities.store.plan_file import OpenPlan, Plans
from quire.comparison_text import text_of
from quire.contracts import Deduplicated, DeduplicateInput, Twin
from quire.outcome import Usage
from quire.similarity import Index, Near, Same, likeness

_SHOWN = 400
"""Characters of a twin that a prompt shows as one to avoid."""
_NEIGHBOURS = 3
"""How many items a prompt shows as ones to avoid."""
_CHUNK = 512
"""Texts that are held at a time."""
_WRITTEN = 8192
"""Signatures that are held at a time."""


@dataclass
class Search:
    """One look: the plan, the items, what stays and what is rejected."""

    plan: OpenPlan
    store: Store
    shelf: Shelf
    index: Index
    vectors: Vectors | None
    outside: dict[int, tuple[str, str]] = field(default_factory=dict[int, tuple[str, str]])
    """Name and text of the items from outside, by number below 1."""
    round: int = 1
    parts: int = 0
    """Files of signatures that this round has written."""
    stays: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    rejected: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])

    @property
    def method(self) -> str:
        return self.plan.request.duplicates.method

    async def text(self, number: int) -> str:
        """What is compared of an item."""
        if number < 1:
            return self.outside[number][1]
        return text_of(self.method, await self.item(number), self.plan.compared)

    async def item(self, number: int) -> dict[str, Any]:
        """An item that is there."""
        row = await self.shelf.row(number)
        return row["item"] if row else {}

    def name(self, number: int) -> str:
        """What people call an item."""
        return self.outside[number][0] if number < 1 else self.plan.slots[number - 1].key


async def deduplicate(given: DeduplicateInput, endpoints: Endpoints, plans: Plans) -> Deduplicated:
    """One round. What an earlier round let stay, stays: only items made since are in question. What is kept of those
    that stay is in `duplicates/`, so that no text is read twice."""
    plan = await plans.read(given.job)
    store = plan.store
    await signatures.clear(store, given.round)
    search = await _opened(plan, store, endpoints, given.round)
    known = await _known(search, given.round)
    numbers = [number for number in search.shelf.numbers() if number not in known]
    async for number, text, signature in _signed(search, numbers):
        await _decide(search, number, text, signature)
    kept = await _least_similar(search, given) if given.final and plan.request.duplicates.keep_last else []
    await _write(search)
    await store.put(rejected_key(given.round), json.dumps(search.rejected, ensure_ascii=False).encode())
    vectors = search.vectors
    return Deduplicated(
        rejected=[Twin(slot=n, of=row["of"]) for n, row in sorted(search.rejected.items()) if not row.get("kept")],
        kept=kept,
        looked_at=len(numbers),
        usage=vectors.usage if vectors else Usage(),
        model=vectors.model.name if vectors and vectors.usage.calls else "",
        simulated=vectors.simulated if vectors else False,
    )


async def _opened(plan: OpenPlan, store: Store, endpoints: Endpoints, round_: int) -> Search:
    said = plan.request.duplicates
    shelf = await open_shelf(store, without=await rejected_items(store, before=round_))
    vectors = Vectors(store, endpoints, plan.request) if said.method == "semantic" else None
    index: Index = Semantic(said.least) if vectors else Near(said.least) if said.method == "near" else Same()
    return Search(plan, store, shelf, index, vectors, round=round_)


async def _known(search: Search, round_: int) -> set[int]:
    """Fill the index with what is settled: items from outside, and what earlier rounds let stay."""
    texts: list[str] = []
    async for name, item in existing_items.items(search.store, search.plan.request, search.plan.compared):
        texts.append(text_of(search.method, item, search.plan.compared))
        search.outside[1 - len(texts)] = (name, texts[-1])
    for start in range(0, len(texts), _CHUNK):
        for at, signature in enumerate(await _signatures(search, texts[start : start + _CHUNK]), start):
            search.index.add(-at, signature)
    known: set[int] = set()
    for earlier in range(1, round_):
        async for number, signature in signatures.read(search.store, earlier):
            _beat(len(known))
            search.index.add(number, signature)
            known.add(number)
    return known


async def _write(search: Search) -> None:
    await signatures.write(search.store, search.round, search.parts, search.stays)
    search.parts += 1
    search.stays.clear()


async def _signed(search: Search, numbers: list[int]) -> AsyncIterator[tuple[int, str, bytes]]:
    for start in range(0, len(numbers), _CHUNK):
        chunk = numbers[start : start + _CHUNK]
        await search.shelf.ahead(chunk)
        texts = [await search.text(number) for number in chunk]
        _beat(0)
        found = await _signatures(search, texts)
        search.index.expect(found)
        for entry in zip(chunk, texts, found, strict=True):
            yield entry
        if len(search.stays) >= _WRITTEN:
            await _write(search)


async def _signatures(search: Search, texts: list[str]) -> list[bytes]:
    if search.vectors is not None:
        return await search.vectors.of(texts)
    return search.index.sign(texts)


async def _decide(search: Search, number: int, text: str, signature: bytes) -> None:
    """Whether an item stays; of several that it is too like, the likest and then the first is what it is a twin of."""
    said = search.plan.request.duplicates
    window = None if said.window == "all" else said.window
    found: list[tuple[float, int]] = []
    for other, estimate in search.index.like(signature):
        if window is not None and other > 0 and abs(other - number) > window:
            continue
        score = estimate if search.index.certain else likeness(text, await search.text(other))
        found.append((score, other))
    best = sorted(found, key=lambda pair: (-pair[0], abs(number - pair[1]), pair[1]))
    if not best or best[0][0] < said.least:
        search.index.add(number, signature)
        search.stays.append((number, signature))
        return
    search.rejected[number] = {
        "file": search.shelf.file_of(number),
        "of": search.name(best[0][1]),
        "likeness": round(best[0][0], 4),
        "avoid": [await _shown(search, other) for _, other in best[:_NEIGHBOURS]],
    }


async def _shown(search: Search, number: int) -> str:
    if number < 1:
        return search.outside[number][1][:_SHOWN]
    item, names = await search.item(number), search.plan.compared
    return json.dumps({name: item.get(name) for name in names or item}, ensure_ascii=False)[:_SHOWN]


async def _least_similar(search: Search, given: DeduplicateInput) -> list[int]:
    """After the last round: of all candidates of a slot the one that is least like its twin stays, and says so."""
    earlier = [await rejections(search.store, round_) for round_ in range(1, given.round)]
    kept: list[int] = []
    for number, row in search.rejected.items():
        candidates = [*(found[number] for found in earlier if number in found), row]
        best = min(candidates, key=lambda candidate: candidate.get("likeness", 1.0))
        row["kept"] = best["file"]
        kept.append(number)
    return sorted(kept)


def _beat(count: int) -> None:
    if count % 2000 == 0 and activity.in_activity():
        activity.heartbeat(count)
