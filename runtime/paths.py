"""Paths of this checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The folder that holds `starter.py`."""
EXAMPLES = ROOT / "examples"
"""Requests that run as they are."""
