"""The addresses that a request names: what can be a store or an endpoint, judged by its form alone."""

import re
from urllib.parse import urlsplit

BUCKET_SCHEMES = ("s3", "gs", "az")


def check_store(address: str) -> str:
    """Return the address of a store: a folder or a bucket. Raises ValueError, in words, if it cannot be one."""
    allowed = "a store is a directory, or an s3://, gs:// or az:// URL"
    if not address.strip() or not address.isprintable():
        raise ValueError(f"it holds a character that no path has; {allowed}")
    scheme, has_scheme, location = address.partition(":/")
    if not has_scheme or len(scheme) == 1 or "/" in scheme:  # one letter is a drive of Windows
        return address
    if scheme not in BUCKET_SCHEMES:
        raise ValueError(f"files cannot be kept at {scheme}:// addresses; {allowed}")
    if not re.fullmatch(r"/[^/@:]+(/[^@]*)?", location):
        raise ValueError(f"write it as {scheme}://BUCKET/PREFIX, without keys, which come from the environment")
    return address


def check_endpoint(address: str) -> str:
    """Return the address of an endpoint. Raises ValueError, in words, if it cannot be parsed."""
    try:
        parts = urlsplit(address)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a bracket that is not closed, a port that is no number
        has_host = False
    if "@" in address:  # the message must not repeat what is before it
        raise ValueError("leave user and password out of it, and put the key into the variable that api_key_env names")
    if not address.isprintable() or " " in address or not has_host:
        raise ValueError("write it as http://HOST:PORT/v1 or https://HOST/v1")
    return address
