"""The offline simulator as a child process, for as long as it is needed."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from activities.known_secrets import build_child_environment
from runtime.errors import SetupError
from runtime.paths import ROOT

DEMO_SPEED = ("--tokens-per-second", "3000")
"""About the speed of a real model with three calls in flight, so that progress can be watched."""
START_SECONDS = 20
_READY = "simulator listening on "


@asynccontextmanager
async def run_simulator(options: Sequence[str] = DEMO_SPEED) -> AsyncGenerator[str]:
    """Run the simulator on a free port for the length of the block, and yield its base URL.

    Raises SetupError if it does not start within `START_SECONDS`.
    """
    command = [sys.executable, "-m", "simulator", "--port", "0", "--parent", str(os.getpid()), *options]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env=build_child_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        yield await _read_address(process.stdout)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _read_address(output: asyncio.StreamReader) -> str:
    try:
        async with asyncio.timeout(START_SECONDS):
            line = (await output.readline()).decode().strip()
    except TimeoutError:
        line = ""
    if not line.startswith(_READY):
        raise SetupError(
            f"the offline simulator did not start within {START_SECONDS} s; try: uv run python -m simulator"
        )
    return line.removeprefix(_READY)
