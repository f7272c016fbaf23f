"""Prints a file of a store: `STORE RUN KEY`."""

import asyncio
import sys

from activities.store.object_store import Store
from runtime.worker.current_process import exit_now

if __name__ == "__main__":
    root, run, key = sys.argv[1:]
    print((asyncio.run(Store(root, run).get(key)) or b"").decode())
    exit_now(0)
