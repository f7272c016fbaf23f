"""Paid answers that the store cannot take at the moment, kept in this process until it can."""

import asyncio

from activities.heartbeats import send_heartbeat
from activities.limits.rate_turn import count_rate_waits
from activities.model.unheard_calls import recall_unheard_calls
from activities.store.answers import Answer
from activities.store.object_store import Store, StoreError

RETRY_SECONDS = 2.0
"""Seconds between two tries to store an answer; each sends a heartbeat."""
_UNSAVED: dict[str, Answer] = {}
"""Answers by their address in the store. They outlive the activity that paid for them."""


def find_unsaved_answer(store: Store, key: str) -> Answer | None:
    """Return an answer that this process has paid for and could not store yet."""
    return _UNSAVED.get(store.address_of(key))


async def store_answer(store: Store, key: str, answer: Answer) -> Answer:
    """Store a paid answer and return the one that the store holds, which may be an earlier one.

    As long as the store fails, as on a full disk, this waits and tries again. If the activity ends meanwhile, the
    answer stays in memory for its next attempt, so that nothing is asked and paid twice.
    """
    address, data = store.address_of(key), answer.encode()
    while True:
        try:
            stored = await store.put_once(key, data)
        except StoreError as error:
            _UNSAVED[address] = answer
            words = f"an answer that is paid for waits in memory for the store: {error}"
            send_heartbeat(0, count_rate_waits(), recall_unheard_calls(), words[:300])
            await asyncio.sleep(RETRY_SECONDS)
            continue
        _UNSAVED.pop(address, None)
        return answer if stored is data else Answer.decode(stored)
