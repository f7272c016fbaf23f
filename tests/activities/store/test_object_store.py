"""The store in a folder: what is written once stays, complete, whichever writer comes second."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from activities.store.local_files import create_file
from activities.store.object_store import Store, StoreError


async def test_put_once_never_overwrites(tmp_path: Path) -> None:
    store = Store(str(tmp_path), "w")
    for key, size in (("responses/a.json", 10), ("batches/1.jsonl", 1 << 19), ("inputs/urs.md", 10)):
        first, second = b"a" * size, b"b" * size
        assert await store.put_once(key, first) == first
        assert await store.put_once(key, second) == first
        assert await store.get(key) == first
    assert sorted([key async for key in store.list_keys("")]) == [
        "batches/1.jsonl",
        "inputs/urs.md",
        "responses/a.json",
    ]


def test_one_of_many_concurrent_writers_wins(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(lambda number: create_file(path, bytes([number]) * 5000), range(64)))
    assert sum(won) == 1
    assert path.read_bytes() == bytes([won.index(True)]) * 5000
    assert list(path.parent.iterdir()) == [path], "nothing half written is left"


async def test_a_half_written_file_is_not_listed(tmp_path: Path) -> None:
    store = Store(str(tmp_path), "w")
    await store.put_once("batches/1.jsonl", b"whole")
    (tmp_path / "w" / "batches" / "2.jsonl#123").write_bytes(b"ha")  # its writer was killed
    assert [key async for key in store.list_keys("batches/")] == ["batches/1.jsonl"]


async def test_an_unwritable_folder_raises_a_store_error(tmp_path: Path) -> None:
    store = Store(str(tmp_path), "w")
    (tmp_path / "w" / "responses").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match=r"responses/a\.json cannot be written"):
        await store.put_once("responses/a.json", b"x")
