"""The activity `deduplicate`: find duplicates among a run's items; of two, the later one in slot order is rejected."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from activities.duplicates.embeddings import Embedder, SemanticIndex
from activities.duplicates.existing_items import iter_existing_items
from activities.heartbeats import count_heartbeat, send_heartbeat
from activities.model.endpoints import Endpoints
from activities.store.duplicate_rounds import (
    Rejection,
    list_rejected_items,
    read_rejections,
    rejections_key,
)
from activities.store.item_index import ItemIndex, open_item_index
from activities.store.object_store import Store
from activities.store.plan_file import OpenPlan, PlanCache
from activities.store.signatures import delete_signatures, read_signatures, write_signatures
from quire.comparison_text import build_comparison_text
from quire.contracts import DeduplicateInput, DeduplicateResult, DuplicateOf
from quire.outcome import Usage
from quire.similarity import ExactIndex, NearIndex, SimilarityIndex, compute_similarity

_AVOIDED_CHARACTERS = 400
"""Characters of a similar item that a prompt shows as one to avoid."""
_MAX_AVOIDED = 3
"""Similar items that a prompt shows as ones to avoid."""
_TEXTS_IN_MEMORY = 512
_SIGNATURES_IN_MEMORY = 8192
_HEARTBEAT_EVERY = 2000
"""Stored signatures that are read between two heartbeats."""


@dataclass
class DuplicateSearch:
    """The state of one round: what is compared, which items stay and which are rejected."""

    plan: OpenPlan
    store: Store
    items: ItemIndex
    index: SimilarityIndex
    embedder: Embedder | None
    round: int
    existing: dict[int, tuple[str, str]] = field(default_factory=dict[int, tuple[str, str]])
    """Name and text of the existing items that must not be repeated, by a number below 1."""
    signature_files: int = 0
    """Files of signatures that this round has written."""
    accepted: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    """Number and signature of accepted items that are not in a file yet."""
    rejected: dict[int, Rejection] = field(default_factory=dict[int, Rejection])

    @property
    def method(self) -> str:
        """The request's method: exact, structural, near or semantic."""
        return self.plan.request.duplicates.method

    async def read_text(self, number: int) -> str:
        """Return the text by which an item is compared."""
        if number < 1:
            return self.existing[number][1]
        return build_comparison_text(self.method, await self.read_item(number), self.plan.compared_fields)

    async def read_item(self, number: int) -> dict[str, Any]:
        """Return an item of the run; empty if its slot is not filled."""
        row = await self.items.read_row(number)
        return row["item"] if row else {}

    def display_name(self, number: int) -> str:
        """Return the name by which people know an item."""
        return self.existing[number][0] if number < 1 else self.plan.slots[number - 1].key


async def find_duplicates(input: DeduplicateInput, endpoints: Endpoints, plans: PlanCache) -> DeduplicateResult:
    """Make one round of the duplicate check: compare the items generated since the last round with all others.

    Items that an earlier round accepted stay. Signatures of accepted items are in the store, so that no text is read
    twice.
    """
    plan = await plans.open_plan(input.job)
    store = plan.store
    await delete_signatures(store, input.round)
    search = await _start_search(plan, store, endpoints, input.round)
    previously_accepted = await _fill_index(search)
    numbers = [number for number in search.items.iter_slot_numbers() if number not in previously_accepted]
    async for number, text, signature in _iter_signatures(search, numbers):
        await _accept_or_reject(search, number, text, signature)
    keep_last = input.final and plan.request.duplicates.keep_last
    kept_slots = await _keep_least_similar(search) if keep_last else []
    await _write_accepted(search)
    await store.put(rejections_key(input.round), json.dumps(search.rejected, ensure_ascii=False).encode())
    embedder = search.embedder
    return DeduplicateResult(
        rejected=[
            DuplicateOf(slot=number, of=rejection["of"])
            for number, rejection in sorted(search.rejected.items())
            if not rejection.get("kept")
        ],
        kept_duplicates=kept_slots,
        items_compared=len(numbers),
        usage=embedder.usage if embedder else Usage(),
        model=embedder.model.name if embedder and embedder.usage.calls else "",
        simulated=embedder.simulated if embedder else False,
    )


async def _start_search(plan: OpenPlan, store: Store, endpoints: Endpoints, round_: int) -> DuplicateSearch:
    duplicates = plan.request.duplicates
    items = await open_item_index(store, without=await list_rejected_items(store, before=round_))
    embedder = Embedder(store, endpoints, plan.request) if duplicates.method == "semantic" else None
    index: SimilarityIndex = (
        SemanticIndex(duplicates.effective_threshold)
        if embedder
        else NearIndex(duplicates.effective_threshold)
        if duplicates.method == "near"
        else ExactIndex()
    )
    return DuplicateSearch(plan, store, items, index, embedder, round_)


async def _fill_index(search: DuplicateSearch) -> set[int]:
    """Add existing items, and those that earlier rounds accepted, to the index; return the numbers of the latter."""
    texts: list[str] = []
    fields = search.plan.compared_fields
    async for name, item in iter_existing_items(search.store, search.plan.request, fields):
        texts.append(build_comparison_text(search.method, item, fields))
        search.existing[1 - len(texts)] = (name, texts[-1])
    for start in range(0, len(texts), _TEXTS_IN_MEMORY):
        chunk = texts[start : start + _TEXTS_IN_MEMORY]
        for position, signature in enumerate(await _sign_texts(search, chunk), start):
            search.index.add(-position, signature)
    previously_accepted: set[int] = set()
    for earlier_round in range(1, search.round):
        async for number, signature in read_signatures(search.store, earlier_round):
            count_heartbeat(len(previously_accepted), every=_HEARTBEAT_EVERY)
            search.index.add(number, signature)
            previously_accepted.add(number)
    return previously_accepted


async def _write_accepted(search: DuplicateSearch) -> None:
    await write_signatures(search.store, search.round, search.signature_files, search.accepted)
    search.signature_files += 1
    search.accepted.clear()


async def _iter_signatures(search: DuplicateSearch, numbers: list[int]) -> AsyncIterator[tuple[int, str, bytes]]:
    """Yield number, text and signature of each item; write the accepted ones from time to time."""
    for start in range(0, len(numbers), _TEXTS_IN_MEMORY):
        chunk = numbers[start : start + _TEXTS_IN_MEMORY]
        await search.items.prefetch(chunk)
        texts = [await search.read_text(number) for number in chunk]
        send_heartbeat(0)
        signatures = await _sign_texts(search, texts)
        search.index.prepare(signatures)
        for entry in zip(chunk, texts, signatures, strict=True):
            yield entry
        if len(search.accepted) >= _SIGNATURES_IN_MEMORY:
            await _write_accepted(search)


async def _sign_texts(search: DuplicateSearch, texts: list[str]) -> list[bytes]:
    if search.embedder is not None:
        return await search.embedder.embed(texts)
    return search.index.sign(texts)


async def _accept_or_reject(search: DuplicateSearch, number: int, text: str, signature: bytes) -> None:
    """Accept an item, or reject it as a duplicate of the most similar other item, of equals the nearest one."""
    duplicates = search.plan.request.duplicates
    window = None if duplicates.window == "all" else duplicates.window
    scores: list[tuple[float, int]] = []
    for other, estimate in search.index.find_similar(signature):
        if window is not None and other > 0 and abs(other - number) > window:
            continue
        score = estimate if search.index.is_exact else compute_similarity(text, await search.read_text(other))
        scores.append((score, other))
    scores.sort(key=lambda pair: (-pair[0], abs(number - pair[1]), pair[1]))
    if not scores or scores[0][0] < duplicates.effective_threshold:
        search.index.add(number, signature)
        search.accepted.append((number, signature))
        return
    score, original = scores[0]
    search.rejected[number] = {
        "file": search.items.file_key(number),
        "of": search.display_name(original),
        "likeness": round(score, 4),
        "avoid": [await _text_to_avoid(search, other) for _, other in scores[:_MAX_AVOIDED]],
    }


async def _text_to_avoid(search: DuplicateSearch, number: int) -> str:
    if number < 1:
        return search.existing[number][1][:_AVOIDED_CHARACTERS]
    item, names = await search.read_item(number), search.plan.compared_fields
    shown = {name: item.get(name) for name in names or item}
    return json.dumps(shown, ensure_ascii=False)[:_AVOIDED_CHARACTERS]


async def _keep_least_similar(search: DuplicateSearch) -> list[int]:
    """After the last round, keep the least similar of all rejected candidates of each slot; return the slots."""
    earlier_rounds = [await read_rejections(search.store, round_) for round_ in range(1, search.round)]
    for number, rejection in search.rejected.items():
        candidates = [*(rejections[number] for rejections in earlier_rounds if number in rejections), rejection]
        best = min(candidates, key=lambda candidate: candidate.get("likeness", 1.0))
        rejection["kept"] = best["file"]
    return sorted(search.rejected)
