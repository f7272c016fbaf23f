"""Packages that are not installed by default."""

from importlib.metadata import PackageNotFoundError, version


def how_to_install(extra: str) -> str:
    """Return how to install an extra: as in a clone, or as for an installed package if Quire is one."""
    try:
        version("quire")
    except PackageNotFoundError:
        return f"install it with: uv sync --extra {extra}"
    return f"install it with: pip install 'quire[{extra}]'"
