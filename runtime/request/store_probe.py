"""A trial of the store before anything is paid for: one write, which is removed again, within a time limit."""

import asyncio
import secrets
import tempfile
from pathlib import Path

from obstore.exceptions import BaseError

from activities.known_secrets import redact_text
from activities.store.object_store import Store, StoreError
from runtime.errors import SetupError

PROBE_SECONDS = 10.0
"""How long a bucket may take. Without credentials, clients ask the network for them for minutes."""
_BUCKET_FIX = (
    "set the bucket's variables, such as AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, or choose another "
    "store"
)


async def probe_store(root: str) -> None:
    """Raise SetupError if no file can be written to the store. Nothing is left there, and no folder is created."""
    try:
        if "://" in root:
            await asyncio.wait_for(_write_to_bucket(root), PROBE_SECONDS)
        else:
            await asyncio.to_thread(_write_to_folder, Path(root).expanduser().absolute())
    except TimeoutError:
        problem = f"no answer within {PROBE_SECONDS:.0f} s; {_BUCKET_FIX}"
        raise SetupError(f"output.store: {root} cannot be written: {problem}") from None
    except (StoreError, BaseError, OSError, ValueError) as error:
        reason = redact_text(str(error)).splitlines()[0][:300]
        words = (error.strerror if isinstance(error, OSError) else None) or reason
        fix = _BUCKET_FIX if "://" in root else "choose a folder that you may write to"
        raise SetupError(f"output.store: {root} cannot be written: {words}; {fix}") from None


async def find_store_fault(root: str) -> str:
    """Return why no file can be written to the store, in words; an empty text if one can."""
    try:
        await probe_store(root)
    except SetupError as error:
        return str(error)
    return ""


async def _write_to_bucket(root: str) -> None:
    store = await asyncio.to_thread(Store, root, f"quire-probe-{secrets.token_hex(4)}")
    await store.put_once("inputs/probe", b"probe")
    await store.delete("inputs/")


def _write_to_folder(path: Path) -> None:
    """Write a file without a name into the folder, or into the next one above it that exists."""
    folder = next(folder for folder in (path, *path.parents) if folder.exists())
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"probe")
