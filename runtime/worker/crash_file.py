"""The last resort: an error that nobody expected becomes a file with its traceback, and a sentence that names it."""

import os
import traceback
from datetime import datetime

from activities.known_secrets import redact_text
from runtime.temporal.settings import get_server_home


def write_crash_file(error: BaseException) -> str:
    """Write the traceback of an error, without secrets, to a file that only its owner can read, and return a sentence
    for the person. If the file cannot be written, the sentence says so."""
    path = get_server_home() / "errors" / f"{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}.txt"
    words = redact_text(str(error).split("\n", 1)[0])[:200]
    sentence = f"Quire failed in a way that nobody expected: {type(error).__name__}: {words}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", errors="backslashreplace") as file:
            file.write(redact_text("".join(traceback.format_exception(error))))
    except (OSError, ValueError) as failure:
        return f"{sentence}; its traceback could not be written to {path}: {failure}"
    return f"{sentence}; its traceback is in {path}. Nothing that was generated is lost: run the same command again"
