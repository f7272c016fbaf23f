"""Writes 100 files once, at the same moments as others do: `STORE START TEXT`. Prints what each then holds, as JSON."""

import asyncio
import json
import sys
import time

from activities.store.object_store import Store
from runtime.worker.current_process import exit_now


async def race(root: str, start: float, text: str) -> list[str]:
    """Write a file every 20 ms from `start` on, in seconds since 1970; return what each holds."""
    store, texts = Store(root, "race"), list[str]()
    await store.get("warm")
    for number in range(100):
        await asyncio.sleep(max(0, start + number / 50 - time.time()))
        texts.append((await store.put_once(f"responses/{number}", text.encode())).decode())
    return texts


if __name__ == "__main__":
    print(json.dumps(asyncio.run(race(sys.argv[1], float(sys.argv[2]), sys.argv[3]))))
    exit_now(0)
