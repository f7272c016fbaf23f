"""What a run may take, from a low end to a high one: calls, tokens and cost, part by part. No model is called."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from activities.model.pricing import list_price
from activities.model.request_body import reasons
from quire.outcome import Usage
from quire.request import Request
from recipes.base.recipe import Question
from recipes.planning import Plan

BYTES_A_TOKEN = (5.0, 3.0)
"""Plain English has about five bytes a token; schemas, tables and other languages three."""
ITEM, THINKING = (0.25, 2.0), (0.25, 4.0)
"""Output tokens of an item, as parts of `batching.tokens_per_item`; the latter for models that think first."""
AGAIN = 0.2
"""Of the items made, the share that is made again at the high end; and of those, and so on, as often as may be."""
RACED = 0.1
"""Calls that a second one races at the high end, where `batching.hedge` is set."""
SUMMARY_LINE = (10, 60)
"""Tokens of the line by which a prompt tells of an earlier item."""
SCENARIO, VERDICT = (15, 60), (10, 50)
"""Output tokens of one entry of a planning answer and of a judging one."""
AVOIDED = 300
"""Tokens by which a prompt shows the twins that an item is not to be like."""
LOW_MEANS = "each batch answers once, each item is good and takes a quarter of batching.tokens_per_item"
HIGH_MEANS = (
    "items take {most} times batching.tokens_per_item, one item in five is made again each time that it may be, and a "
    "prompt has a token for every three bytes instead of five"
)
COUNTS = ("calls", "prompt_tokens", "completion_tokens")


@dataclass(frozen=True)
class Ends:
    """A low and a high end."""

    low: float = 0
    high: float = 0

    def __add__(self, other: "Ends") -> "Ends":
        return Ends(self.low + other.low, self.high + other.high)

    def times(self, low: float, high: float) -> "Ends":
        """Each end by its own factor."""
        return Ends(self.low * low, self.high * high)


@dataclass(frozen=True)
class Totals:
    """Calls and tokens, and what they cost in USD at list price; None where a price is not known."""

    counts: dict[str, Ends]
    cost_usd: Ends | None


@dataclass(frozen=True)
class Part:
    """What one kind of call takes."""

    name: str
    model: str
    calls: Ends
    prompt: Ends
    completion: Ends

    def counts(self) -> dict[str, Ends]:
        """By name."""
        return dict(zip(COUNTS, (self.calls, self.prompt, self.completion), strict=True))

    def totals(self) -> Totals:
        """With what it costs."""
        return Totals(self.counts(), self.cost())

    def cost(self) -> Ends | None:
        """USD at list price; None where the price is not known."""
        low, high = (
            list_price(self.model, Usage(prompt_tokens=math.ceil(prompt), completion_tokens=math.ceil(completion)))
            for prompt, completion in (
                (self.prompt.low, self.completion.low),
                (self.prompt.high, self.completion.high),
            )
        )
        return None if low is None or high is None else Ends(low, high)


def tokens(size: float) -> Ends:
    """Tokens of so many bytes of prompt."""
    return Ends(size / BYTES_A_TOKEN[0], size / BYTES_A_TOKEN[1])


@dataclass(frozen=True)
class Seen:
    """A batch that was looked at: its number, its slots, and the bytes of its prompt and of its schema."""

    number: int
    size: int
    prompt: int
    schema: int

    def tokens(self) -> Ends:
        """Of what goes in; not every server counts the schema."""
        return tokens(self.prompt) + tokens(self.schema).times(0, 1)


def spread(request: Request) -> tuple[float, float]:
    """Output tokens of an item, as parts of what the request expects."""
    return THINKING if reasons(request.generator.name) else ITEM


def item_tokens(request: Request) -> Ends:
    """Output tokens of one item."""
    return Ends(*(request.batching.tokens_per_item * part for part in spread(request)))


def parts(plan: Plan, seen: Sequence[Seen], paid: set[int]) -> list[Part]:
    """Every kind of call that the run makes or may make. `seen` are batches, all or a sample of them; those whose
    numbers are in `paid` cost nothing, at the high end only where all were seen."""
    return [part for part in _parts(plan, seen, paid) if part.calls.high]


def _parts(plan: Plan, seen: Sequence[Seen], paid: set[int]) -> list[Part]:
    whole = len(seen) == len(plan.sizes)
    left = [one for one in seen if one.number not in paid]
    scale = len(plan.slots) / max(1, sum(one.size for one in seen))
    batches = _batches(plan, left, left if whole else seen, scale)
    items = Ends(*(sum(one.size for one in some) * scale for some in (left, left if whole else seen)))
    return [
        *_planning(plan),
        batches,
        *_again(plan, batches, items),
        *_judging(plan, batches, items),
        *_vectors(plan, items),
    ]


def _batches(plan: Plan, low: Sequence[Seen], high: Sequence[Seen], scale: float) -> Part:
    request, each = plan.request, item_tokens(plan.request)
    room = request.generator.max_output_tokens
    recalled = _recalled(plan)
    calls = Ends(len(low), sum(max(1, math.ceil(one.size * each.high / room)) for one in high))
    prompt = Ends(sum(one.tokens().low for one in low), sum(one.tokens().high for one in high))
    completion = Ends(sum(one.size for one in low) * each.low, sum(one.size for one in high) * each.high)
    prompt = prompt.times(1, calls.high / max(1, len(high)))  # an answer that is cut off: the prompt goes again
    shown = Ends(*(sum(recalled[one.number - 1] for one in some) for some in (low, high)))
    prompt = prompt + shown.times(*_of_earlier(plan))
    return Part("batches", request.generator.name, *(ends.times(scale, scale) for ends in (calls, prompt, completion)))


def _of_earlier(plan: Plan) -> tuple[float, float]:
    """Tokens by which a prompt tells of one earlier item."""
    each = item_tokens(plan.request)
    known = {"summary": SUMMARY_LINE, "window": (0.0, each.high), "conversation": (each.low, each.high)}
    return known.get(plan.recipe.context, (0.0, 0.0))


def _recalled(plan: Plan) -> list[int]:
    """Earlier items that the prompt of each batch tells of."""
    if not plan.after or plan.recipe.context == "none":
        return [0] * len(plan.sizes)
    if plan.recipe.context == "window":
        return [int(first > 0) for first in plan.after]
    found: list[int] = []
    for first in plan.after:
        found.append(found[first - 1] + plan.sizes[first - 1] if first else 0)
    return found


def _planning(plan: Plan) -> list[Part]:
    asked = list(plan.recipe.preparations().values())
    prompt = sum(map(_bytes, asked))
    calls, entries = Ends(len(asked), len(asked)), sum(one.count for one in asked)
    completion = Ends(entries, entries).times(*SCENARIO)
    return [Part("planning", plan.request.model.name, calls, tokens(prompt), completion)]


def _bytes(question: Question) -> int:
    return len(f"{question.system}{question.task}{question.entry}".encode())


def _again(plan: Plan, batches: Part, items: Ends) -> list[Part]:
    """What is made again: cut off, missing or not valid; like another item; too slow."""
    request, duplicates = plan.request, plan.request.duplicates
    each = item_tokens(request)
    size = max(1.0, items.high / max(1.0, batches.calls.high) / 2)  # what is open goes in batches half as large
    a_call = batches.prompt.high / max(1.0, batches.calls.high)
    shares = {
        "made again": _share(request.retry.attempts - 1),
        "duplicates": _share(duplicates.rounds) if duplicates.method != "off" else 0.0,
    }
    rows: list[Part] = []
    for name, share in shares.items():
        more, avoided = items.high * share, AVOIDED if name == "duplicates" else 0
        calls = math.ceil(more / size)
        prompt, made = Ends(0, calls * a_call + more * avoided), Ends(0, more * each.high)
        rows.append(Part(name, request.generator.name, Ends(0, calls), prompt, made))
    if request.batching.hedge is not None:
        raced = (ends.times(0, RACED) for ends in (batches.calls, batches.prompt, batches.completion))
        rows.append(Part("racing calls", request.generator.name, *raced))
    return rows


def _share(rounds: int) -> float:
    """Of one in five, one in five again, and so on."""
    return sum(AGAIN**turn for turn in range(1, rounds + 1))


def _judging(plan: Plan, batches: Part, items: Ends) -> list[Part]:
    if not plan.recipe.reviewed:
        return []
    numbers = [number for number in range(1, len(plan.sizes) + 1) if plan.recipe.judged(number)]
    judged = sum(plan.sizes[number - 1] for number in numbers)
    part = judged / len(plan.slots)
    more = 1 + _share(plan.request.retry.attempts - 1)
    each = item_tokens(plan.request)
    calls = Ends(len(numbers), len(numbers)).times(1, more)
    prompt = batches.prompt.times(part, part * more) + Ends(judged * each.low, judged * each.high * more)
    completion = Ends(judged, judged).times(VERDICT[0], VERDICT[1] * more)
    return [Part("judging", plan.request.model.name, calls, prompt, completion)]


def _vectors(plan: Plan, items: Ends) -> list[Part]:
    said = plan.request.duplicates
    if said.method != "semantic":
        return []
    from activities.duplicates.embeddings import TEXTS_A_CALL  # and with it the client of the calls, half a second

    each, more = item_tokens(plan.request), 1 + _share(said.rounds)
    texts = Ends(len(plan.slots), len(plan.slots) * more)
    calls = Ends(math.ceil(texts.low / TEXTS_A_CALL), math.ceil(texts.high / TEXTS_A_CALL) + said.rounds)
    prompt = Ends(texts.low * each.low / 4, texts.high * each.high)  # only the compared fields are sent
    return [Part("vectors", said.embedding.name, calls, prompt, Ends())]


def total(rows: Sequence[Part]) -> Totals:
    """All parts together; the cost is None where the price of one is not known."""
    costs = [row.cost() for row in rows]
    known = [cost for cost in costs if cost is not None]
    counts = {name: sum((row.counts()[name] for row in rows), Ends()) for name in COUNTS}
    return Totals(counts, sum(known, Ends()) if len(known) == len(costs) else None)
