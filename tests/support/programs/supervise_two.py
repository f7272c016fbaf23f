"""Supervises two processes that run the program in the first argument, with hardly a pause before a restart."""

import asyncio
import sys

from runtime.worker import process_pool

if __name__ == "__main__":
    process_pool.RESTART_PAUSE = 0.01
    child = [sys.executable, "-m", "tests.support.programs.supervised", sys.argv[1]]
    sys.exit(asyncio.run(process_pool.supervise_processes(2, child)))
