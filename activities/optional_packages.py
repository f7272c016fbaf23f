"""What is not installed by default, and how it is had."""

from importlib.metadata import PackageNotFoundError, version


def how_to_install(extra: str) -> str:
    """The command that installs an extra, as it is right here: in a clone, or where Quire is a package."""
    try:
        version("quire")
    except PackageNotFoundError:
        return f"install it with: uv sync --extra {extra}"
    return f"install it with: pip install 'quire[{extra}]'"
