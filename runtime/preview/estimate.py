"""Estimates of a run, with a low and a high end for each kind of call: calls, tokens, cost. No model is called."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from activities.model.pricing import list_price
from activities.model.request_body import is_reasoning_model
from quire.outcome import Usage
from quire.request import Request
from recipes.base.recipe import Question
from recipes.planning import Plan

BYTES_PER_TOKEN = (5.0, 3.0)
"""Plain English has about five bytes per token; schemas, tables and other languages have three."""
ITEM_SPREAD, REASONING_ITEM_SPREAD = (0.25, 2.0), (0.25, 4.0)
"""Output tokens of an item, as parts of `batching.tokens_per_item`; the latter for reasoning models."""
RETRY_SHARE = 0.2
"""The share of items that are generated again at the high end; and of those, and so on, as often as is allowed."""
HEDGE_SHARE = 0.1
"""The share of calls that get a second, racing call at the high end, if `batching.hedge` is set."""
SUMMARY_LINE_TOKENS = (10, 60)
"""Tokens of the line in which a prompt summarizes an earlier item."""
ENTRY_TOKENS, VERDICT_TOKENS = (15, 60), (10, 50)
"""Output tokens of one entry of a planning answer, and of a judging answer."""
DUPLICATE_TOKENS = 300
"""Tokens by which a prompt shows the duplicates that an item must differ from."""
LOW_MEANS = "each batch answers once, each item is good and takes a quarter of batching.tokens_per_item"
HIGH_MEANS = (
    "items take {most} times batching.tokens_per_item, one item in five is generated again at every opportunity, and a "
    "prompt has a token for every three bytes instead of five"
)
COUNTS = ("calls", "prompt_tokens", "completion_tokens")


@dataclass(frozen=True)
class Range:
    """A low and a high end."""

    low: float = 0
    high: float = 0

    def __add__(self, other: "Range") -> "Range":
        return Range(self.low + other.low, self.high + other.high)

    def scale(self, low: float, high: float) -> "Range":
        """Multiply each end by its own factor."""
        return Range(self.low * low, self.high * high)


@dataclass(frozen=True)
class Totals:
    """Calls and tokens by name, and their cost in USD at list price; None if a price is not known."""

    counts: dict[str, Range]
    cost_usd: Range | None


@dataclass(frozen=True)
class CallEstimate:
    """Calls, tokens and model of one kind of call."""

    name: str
    model: str
    calls: Range
    prompt: Range
    """Prompt tokens."""
    completion: Range
    """Completion tokens."""

    def count(self) -> dict[str, Range]:
        """Return calls and tokens, by the names of `COUNTS`."""
        return dict(zip(COUNTS, (self.calls, self.prompt, self.completion), strict=True))

    def to_totals(self) -> Totals:
        """Return the counts with their cost."""
        return Totals(self.count(), self.calculate_cost())

    def calculate_cost(self) -> Range | None:
        """Return the cost in USD at list price; None if the price is not known."""
        low, high = (
            list_price(self.model, Usage(prompt_tokens=math.ceil(prompt), completion_tokens=math.ceil(completion)))
            for prompt, completion in (
                (self.prompt.low, self.completion.low),
                (self.prompt.high, self.completion.high),
            )
        )
        return None if low is None or high is None else Range(low, high)


def estimate_prompt_tokens(size: float) -> Range:
    """Return the tokens of `size` bytes of prompt."""
    return Range(size / BYTES_PER_TOKEN[0], size / BYTES_PER_TOKEN[1])


@dataclass(frozen=True)
class MeasuredBatch:
    """A batch whose call was built and measured."""

    number: int
    size: int
    """Slots."""
    prompt: int
    """Bytes of the prompt."""
    schema: int
    """Bytes of the schema."""

    def estimate_tokens(self) -> Range:
        """Return the prompt tokens. The schema counts only at the high end: not every server bills it."""
        return estimate_prompt_tokens(self.prompt) + estimate_prompt_tokens(self.schema).scale(0, 1)


def get_output_spread(request: Request) -> tuple[float, float]:
    """Return the least and the most output tokens of an item, as parts of `batching.tokens_per_item`."""
    return REASONING_ITEM_SPREAD if is_reasoning_model(request.generator.name) else ITEM_SPREAD


def estimate_item_tokens(request: Request) -> Range:
    """Return the output tokens of one item."""
    return Range(*(request.batching.tokens_per_item * part for part in get_output_spread(request)))


def estimate_calls(plan: Plan, measured: Sequence[MeasuredBatch], paid: set[int]) -> list[CallEstimate]:
    """Estimate every kind of call that the run makes or may make.

    `measured` are all batches or a sample of them. Those with a number in `paid` have an answer and cost nothing; at
    the high end only if all batches were measured.
    """
    is_complete = len(measured) == len(plan.sizes)
    unpaid = [batch for batch in measured if batch.number not in paid]
    at_most = unpaid if is_complete else measured
    factor = len(plan.slots) / max(1, sum(batch.size for batch in measured))
    batches = _estimate_batches(plan, unpaid, at_most, factor)
    items = Range(*(sum(batch.size for batch in sample) * factor for sample in (unpaid, at_most)))
    estimates = [
        _estimate_planning(plan),
        batches,
        *_estimate_repeats(plan, batches, items),
        *_estimate_judging(plan, batches, items),
        *_estimate_vectors(plan, items),
    ]
    return [estimate for estimate in estimates if estimate.calls.high]


def _estimate_batches(
    plan: Plan, low: Sequence[MeasuredBatch], high: Sequence[MeasuredBatch], factor: float
) -> CallEstimate:
    """Estimate the calls of planned batches, of which samples are given; the whole plan is `factor` times as large."""
    request, item = plan.request, estimate_item_tokens(plan.request)
    max_tokens = request.generator.max_output_tokens
    calls = Range(len(low), sum(max(1, math.ceil(batch.size * item.high / max_tokens)) for batch in high))
    prompt = Range(
        sum(batch.estimate_tokens().low for batch in low), sum(batch.estimate_tokens().high for batch in high)
    )
    completion = Range(sum(batch.size for batch in low) * item.low, sum(batch.size for batch in high) * item.high)
    prompt = prompt.scale(1, calls.high / max(1, len(high)))  # if an answer is cut off, the prompt is sent again
    earlier = _count_earlier_items(plan)
    shown_items = Range(*(sum(earlier[batch.number - 1] for batch in sample) for sample in (low, high)))
    prompt = prompt + shown_items.scale(*_tokens_per_earlier_item(plan))
    spans = (span.scale(factor, factor) for span in (calls, prompt, completion))
    return CallEstimate("batches", request.generator.name, *spans)


def _tokens_per_earlier_item(plan: Plan) -> tuple[float, float]:
    """Return the tokens by which a prompt shows one earlier item."""
    item = estimate_item_tokens(plan.request)
    by_context = {"summary": SUMMARY_LINE_TOKENS, "window": (0.0, item.high), "conversation": (item.low, item.high)}
    return by_context.get(plan.recipe.context_mode, (0.0, 0.0))


def _count_earlier_items(plan: Plan) -> list[int]:
    """Return the number of earlier items that the prompt of each batch shows."""
    if not plan.after or plan.recipe.context_mode == "none":
        return [0] * len(plan.sizes)
    if plan.recipe.context_mode == "window":
        return [int(previous > 0) for previous in plan.after]
    counts: list[int] = []
    for previous in plan.after:
        counts.append(counts[previous - 1] + plan.sizes[previous - 1] if previous else 0)
    return counts


def _estimate_planning(plan: Plan) -> CallEstimate:
    questions = list(plan.recipe.preparations().values())
    prompt = sum(map(_count_bytes, questions))
    calls, entries = Range(len(questions), len(questions)), sum(question.count for question in questions)
    completion = Range(entries, entries).scale(*ENTRY_TOKENS)
    return CallEstimate("planning", plan.request.model.name, calls, estimate_prompt_tokens(prompt), completion)


def _count_bytes(question: Question) -> int:
    return len(f"{question.system}{question.task}{question.entry}".encode())


def _estimate_repeats(plan: Plan, batches: CallEstimate, items: Range) -> list[CallEstimate]:
    """Estimate calls for items that are cut off, missing, not valid or duplicates, and calls that race a slow one."""
    request, duplicates = plan.request, plan.request.duplicates
    item = estimate_item_tokens(request)
    size = max(1.0, items.high / max(1.0, batches.calls.high) / 2)  # open slots go into batches half as large
    prompt_per_call = batches.prompt.high / max(1.0, batches.calls.high)
    shares = {
        "made again": _sum_shares(request.retry.attempts - 1),
        "duplicates": _sum_shares(duplicates.rounds) if duplicates.method != "off" else 0.0,
    }
    estimates: list[CallEstimate] = []
    for name, share in shares.items():
        more, shown_tokens = items.high * share, DUPLICATE_TOKENS if name == "duplicates" else 0
        calls = math.ceil(more / size)
        prompt, completion = Range(0, calls * prompt_per_call + more * shown_tokens), Range(0, more * item.high)
        estimates.append(CallEstimate(name, request.generator.name, Range(0, calls), prompt, completion))
    if request.batching.hedge is not None:
        hedges = (span.scale(0, HEDGE_SHARE) for span in (batches.calls, batches.prompt, batches.completion))
        estimates.append(CallEstimate("racing calls", request.generator.name, *hedges))
    return estimates


def _sum_shares(rounds: int) -> float:
    """Return the share of items generated again in all rounds: one in five, of those one in five, and so on."""
    return sum(RETRY_SHARE**number for number in range(1, rounds + 1))


def _estimate_judging(plan: Plan, batches: CallEstimate, items: Range) -> list[CallEstimate]:
    if not plan.recipe.has_review:
        return []
    numbers = [number for number in range(1, len(plan.sizes) + 1) if plan.recipe.is_reviewed(number)]
    judged = sum(plan.sizes[number - 1] for number in numbers)
    share = judged / len(plan.slots)
    most = 1 + _sum_shares(plan.request.retry.attempts - 1)
    item = estimate_item_tokens(plan.request)
    calls = Range(len(numbers), len(numbers)).scale(1, most)
    prompt = batches.prompt.scale(share, share * most) + Range(judged * item.low, judged * item.high * most)
    completion = Range(judged, judged).scale(VERDICT_TOKENS[0], VERDICT_TOKENS[1] * most)
    return [CallEstimate("judging", plan.request.model.name, calls, prompt, completion)]


def _estimate_vectors(plan: Plan, items: Range) -> list[CallEstimate]:
    duplicates = plan.request.duplicates
    if duplicates.method != "semantic":
        return []
    from activities.duplicates.embeddings import TEXTS_PER_CALL  # imports the client of the calls: half a second

    item, most = estimate_item_tokens(plan.request), 1 + _sum_shares(duplicates.rounds)
    texts = Range(len(plan.slots), len(plan.slots) * most)
    calls = Range(math.ceil(texts.low / TEXTS_PER_CALL), math.ceil(texts.high / TEXTS_PER_CALL) + duplicates.rounds)
    prompt = Range(texts.low * item.low / 4, texts.high * item.high)  # only the compared fields are sent
    return [CallEstimate("vectors", duplicates.embedding.name, calls, prompt, Range())]


def add_up(estimates: Sequence[CallEstimate]) -> Totals:
    """Return the totals of all calls; the cost is None if a price is not known."""
    costs = [estimate.calculate_cost() for estimate in estimates]
    known_costs = [cost for cost in costs if cost is not None]
    counts = {name: sum((estimate.count()[name] for estimate in estimates), Range()) for name in COUNTS}
    return Totals(counts, sum(known_costs, Range()) if len(known_costs) == len(costs) else None)
