"""The secrets that this process knows, and the replacing of them in every text that it hands out.

What leaves the process leaves by one of four doors: payloads and failures to the Temporal server, files of a store,
logs with all other output, and calls of MLflow. Each of them uses `current_redactor`, whatever the text is and wherever
it came from.
"""

import os
import re
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from quire.redaction import Redactor, is_guarded

_SECRET_NAME = re.compile(
    r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|AUTHORIZATION|COOKIE)S?(_|-|\d|$)", re.IGNORECASE
)
"""Names of secrets: a word of them ends so, as in `OPENAI_API_KEY`, `PGPASSWORD` and `AWS_ACCESS_KEY_ID`.
`KEYCLOAK_URL` and `TOKENIZERS_PARALLELISM` are none."""
_HEADERS = re.compile(r"HEADERS?(_|$)", re.IGNORECASE)
"""Names of variables that hold headers, as `name=value` or `name: value`."""
_CHILD_VARIABLES = re.compile(r"PATH|HOME|USER|LANG|LC_\w+|TZ|TMPDIR|LD_LIBRARY_PATH|PYTHON\w*|SYSTEMROOT")


class _Known:
    """The secrets by value, and the redactor that looks for them; rebuilt when the environment has changed."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        """The name that is shown in the place of each value."""
        self.environment: object = None
        self.redactor = Redactor({})

    def remember(self, name: str, value: str) -> None:
        if value not in self.names and is_guarded(value):
            self.names[value] = name
            self.redactor = Redactor(self.names)


_known = _Known()


def is_secret_name(name: str) -> bool:
    """Return True if a variable or header of this name holds a secret."""
    return _SECRET_NAME.search(name) is not None


def remember_secret(name: str, value: str) -> None:
    """Let a value from another place than a variable with a secret's name be replaced, too, by its `name`.

    A secret stays known for the life of the process: a failure of a call that is in flight may still repeat it.
    """
    _known.remember(name, value.strip())


def current_redactor() -> Redactor:
    """Return the redactor of all secrets that are known now. While the environment does not change, that takes a
    microsecond."""
    environment = _fingerprint_environment()
    if environment != _known.environment:
        _known.environment = environment
        for name, value in _list_environment_secrets():
            _known.remember(name, value)
    return _known.redactor


def redact_text(text: str) -> str:
    """Return text without the secrets that are known now."""
    return current_redactor().redact_text(text)


def redact_value(value: Any) -> Any:
    """Return a value, as JSON knows it, without secrets in its texts and names."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, dict):
        return {redact_value(name): redact_value(inner) for name, inner in cast(dict[Any, Any], value).items()}
    if isinstance(value, list | tuple):
        return [redact_value(inner) for inner in cast(list[Any], value)]
    return value


def build_child_environment() -> dict[str, str]:
    """Return the environment of a process that needs no secrets: what finds programs and files, and the language."""
    return {
        name: value
        for name, value in os.environ.items()
        if _CHILD_VARIABLES.fullmatch(name) and not is_secret_name(name)
    }


def _fingerprint_environment() -> object:
    """Return something that differs when a variable has been set: the values as the operating system has them.

    `os.environ` decodes each value that is read, which takes 30 times as long.
    """
    encoded: dict[Any, Any] | None = getattr(os.environ, "_data", None)
    return tuple(os.environ.items()) if encoded is None else (tuple(encoded), tuple(encoded.values()))


def _list_environment_secrets() -> Iterator[tuple[str, str]]:
    for name, value in os.environ.items():
        value = value.strip()
        if "://" in value:
            yield from _list_url_secrets(name, value)
        elif _HEADERS.search(name):
            for header in re.split(r"[,\n]", value):
                yield name, re.split(r"[=:]", header, maxsplit=1)[-1].strip()
        elif (is_secret_name(name) or name.startswith("TEMPORAL_GRPC_META_")) and not _is_path(value):
            yield name, value
            yield name, value.partition(" ")[2]  # `Bearer …`


def _list_url_secrets(name: str, value: str) -> Iterator[tuple[str, str]]:
    """Yield the user and password in an address, and the secrets among its parameters, as written and as meant."""
    for userinfo in re.findall(r"://([^\s?#]*)@", value):
        for part in (userinfo, *userinfo.split(":", 1)):
            yield name, part
            yield name, unquote(part)
    try:
        query = urlsplit(value).query
    except ValueError:
        return
    for parameter in query.split("&"):
        key, _, text = parameter.partition("=")
        if is_secret_name(key) or key.lower() in ("sig", "signature"):
            yield name, text
            yield name, unquote(text)


def _is_path(value: str) -> bool:
    """Return True for a file's name, as in `GOOGLE_APPLICATION_CREDENTIALS`: such a name is no secret, and parts of
    it are in the addresses of other files."""
    return bool(re.match(r"(/|~|\.{1,2}/|[A-Za-z]:\\)", value)) and (
        value.startswith(("~", ".")) or os.path.exists(value) or os.path.isdir(os.path.dirname(value))
    )
