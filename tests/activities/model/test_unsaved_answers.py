"""An answer that is paid for and cannot be stored waits in memory, and is not asked for again."""

import asyncio
from pathlib import Path

import pytest

from activities.model import unsaved_answers
from activities.model.unsaved_answers import find_unsaved_answer, store_answer
from activities.store.answers import Answer, answer_key
from activities.store.object_store import Store, StoreError


class FullStore(Store):
    """A store on a disk that is full until `full` is set to False."""

    full = True

    async def put_once(self, key: str, data: bytes) -> bytes:
        if self.full:
            raise StoreError("no space left on device")
        return await super().put_once(key, data)


async def test_an_answer_waits_for_the_disk_even_beyond_its_activity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(unsaved_answers, "RETRY_SECONDS", 0.01)
    store, key, answer = FullStore(str(tmp_path), "run"), answer_key("a"), Answer("text", "stop", None, {}, "m", False)
    waiting = asyncio.create_task(store_answer(store, key, answer))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    waiting.cancel()  # the attempt's time is over
    await asyncio.gather(waiting, return_exceptions=True)
    unsaved = find_unsaved_answer(store, key)
    assert unsaved == answer
    store.full = False
    assert await store_answer(store, key, unsaved) == answer
    assert find_unsaved_answer(store, key) is None and Answer.decode(await store.get(key) or b"") == answer
