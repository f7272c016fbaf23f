"""Memory of a process."""

import re
from pathlib import Path


def peak_mb() -> float:
    """Return the most memory that this process has had at once, in MB, as Linux reports it.

    `getrusage` would report the parent's peak from before this process became another program, if that was larger."""
    match = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert match is not None
    return int(match[1]) / 1024
