"""Errors for the person who can fix them."""


class SetupError(Exception):
    """A mistake in a request, a command or the set-up. Its message is for the person; the exit code is 2."""
