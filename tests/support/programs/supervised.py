"""Stands for a worker: says that it is up, then runs the program in the first argument."""

import sys

from runtime.worker.process_pool import stop_when_stdin_closes

if __name__ == "__main__":
    stop_when_stdin_closes(1)
    print("up", flush=True)
    exec(sys.argv[1])
