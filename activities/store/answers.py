"""Model answers in the store, `responses/NAME.json`, and the notes by which one run finds another run's answers."""

import json
from dataclasses import dataclass
from typing import cast

from activities.store.object_store import RESPONSES, Store
from quire.answer_items import replace_surrogates
from quire.number_bounds import MAX_TOKENS_OF_CALL

CUT_OFF = ("length", "interrupted")
"""Finish reasons of an incomplete answer: it reached the output limit, or its stream broke."""
SHARED_ANSWERS = ".answers"
"""The folder of the notes, beside the folders of the runs."""


def answer_key(name: str) -> str:
    """Return the key of the answer to the call that is filed under `name`."""
    return f"{RESPONSES}{name}.json"


def partial_answer_key(name: str) -> str:
    """Return the key under which a streamed answer is saved while it grows."""
    return f"{RESPONSES}{name}.part"


@dataclass(frozen=True)
class Answer:
    """A model's answer to one call."""

    text: str
    finish_reason: str
    refusal: str | None
    usage: dict[str, int]
    """Token counts as the endpoint reports them, or an estimate if it did not."""
    model: str
    simulated: bool
    estimated: bool = False
    """True if the stream broke before the endpoint reported its counts: they are four characters per token."""
    reused: bool = False
    """True if an earlier run paid for it."""

    def __post_init__(self) -> None:
        for name in ("text", "finish_reason", "refusal", "model"):
            value = getattr(self, name)
            if isinstance(value, str):  # from here on, whatever an endpoint sends can be written to any file
                object.__setattr__(self, name, replace_surrogates(value))

    @property
    def is_cut_off(self) -> bool:
        """True if the text may end in the middle of an item."""
        return self.finish_reason in CUT_OFF

    def encode(self) -> bytes:
        """Encode the answer as the content of its file."""
        return json.dumps(self.__dict__, ensure_ascii=False).encode()

    @staticmethod
    def decode(data: bytes) -> "Answer":
        """Decode the content of an answer's file."""
        return Answer(**json.loads(data))


def parse_usage(usage: object) -> dict[str, int]:
    """Extract token counts from a completion's `usage`; 0 for each that is not reported, or that cannot be a count. A
    part, such as the cached tokens, is never more than its whole."""
    prompt, completion = _read_count(usage, "prompt_tokens"), _read_count(usage, "completion_tokens")
    return {
        "prompt_tokens": prompt,
        "cached_tokens": min(prompt, _read_count(usage, "prompt_tokens_details", "cached_tokens")),
        "completion_tokens": completion,
        "reasoning_tokens": min(completion, _read_count(usage, "completion_tokens_details", "reasoning_tokens")),
    }


def _read_count(usage: object, *path: str) -> int:
    value: object = usage
    for name in path:
        value = cast(dict[str, object], value).get(name) if isinstance(value, dict) else None
    try:
        count = int(value) if isinstance(value, int | float | str) else 0
    except (ValueError, OverflowError):  # NaN, infinity, a text that is no number
        return 0
    return count if 0 <= count <= MAX_TOKENS_OF_CALL else 0


async def share_answer(store: Store, name: str) -> None:
    """Note for other runs that this run has a good answer to the call. The note names the run and holds no text; it
    replaces an older one, whose run may have been removed."""
    notes = store.open_other_run(SHARED_ANSWERS)
    await notes.put(_note_key(name), json.dumps({"run": store.workflow_id}).encode())


async def find_paying_run(store: Store, name: str) -> str | None:
    """Return the id of the run that paid for the answer to this call; None if no run noted one."""
    note = await store.open_other_run(SHARED_ANSWERS).get(_note_key(name))
    return str(json.loads(note)["run"]) if note else None


async def find_shared_answer(store: Store, name: str) -> Answer | None:
    """Return another run's answer to the same call; None if there is none, or if its run was removed."""
    run = await find_paying_run(store, name)
    if run is None or not store.may_hold_run(run):
        return None
    data = await store.open_other_run(run).get(answer_key(name))
    return Answer.decode(data) if data is not None else None


def _note_key(name: str) -> str:
    return f"{name[:2]}/{name}.json"
