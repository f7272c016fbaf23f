"""Errors that speak to the person who can mend them."""


class SetupError(Exception):
    """A mistake in a request, a command or the set-up; its message is for the person, its exit code is 2."""
