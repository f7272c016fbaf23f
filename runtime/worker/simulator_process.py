"""The offline simulator as a process of our own, for as long as it is needed."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from runtime.errors import SetupError
from runtime.paths import ROOT

DEMO_PACE = ("--tokens-per-second", "3000")
"""About a model's own pace with three answers at once, so that there is progress to see."""
_READY = "simulator listening on "


@asynccontextmanager
async def simulator(options: Sequence[str] = DEMO_PACE) -> AsyncGenerator[str]:
    """Start it on a free port, yield its base URL, end it."""
    command = [sys.executable, "-m", "simulator", "--port", "0", "--parent", str(os.getpid()), *options]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, start_new_session=True
    )
    assert process.stdout is not None
    try:
        yield await _address(process.stdout)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _address(lines: asyncio.StreamReader) -> str:
    try:
        async with asyncio.timeout(20):
            line = (await lines.readline()).decode().strip()
    except TimeoutError:
        line = ""
    if not line.startswith(_READY):
        raise SetupError("the offline simulator did not start within 20 s; try: uv run python -m simulator")
    return line.removeprefix(_READY)
