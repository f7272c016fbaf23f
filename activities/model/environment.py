"""The endpoints that a process is set up for by its environment: its own address, and where its keys may go."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from activities.errors import find_key_fault, missing_key_message
from activities.known_secrets import remember_secret
from activities.model.request_body import OPENAI
from quire.request import SIMULATOR, ModelChoice

ALLOW_HOSTS = "QUIRE_ALLOW_HOSTS"
"""The variable that lists, with commas, the hosts that keys may be sent to besides this process's own endpoint."""
_ADDRESS = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[^\s\\/?#@:\[\]]+)(?::\d{1,5})?(?:[/?][^\s\\]*)?", re.IGNORECASE)
"""An address that every client reads in the same way: no user, password or backslash, which some take for a slash."""


def explain_bad_address(address: str) -> str | None:
    """Return what is wrong with an endpoint's address, without repeating a password in it; None if it can be called."""
    if address == SIMULATOR or _ADDRESS.fullmatch(address):
        return None
    if "@" in address:
        return "an endpoint's address must hold no user or password; put the key in OPENAI_API_KEY or model.api_key_env"
    return f"the endpoint's address '{address}' is not http://host or https://host, with a port and a path if need be"


def parse_host(address: str) -> str:
    """Return the host of an endpoint's address in lower case, without its port; empty if the address is wrong."""
    match = _ADDRESS.fullmatch(address)
    return match[2].strip("[]").lower() if match else ""


def is_loopback(address: str) -> bool:
    """Return True for an address at this machine itself."""
    host = parse_host(address)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_same_address(one: str, other: str) -> bool:
    """Return True if two addresses differ at most in a slash at the end."""
    return one.rstrip("/") == other.rstrip("/")


@dataclass(frozen=True)
class ModelEnvironment:
    """What a process's variables say of endpoints. They are read when they are needed, and here only."""

    variables: Mapping[str, str] = field(default_factory=lambda: os.environ)
    hosts_file: Path | None = None
    """The file of the hosts that a person allowed at a terminal, one a line."""

    @property
    def is_offline(self) -> bool:
        """True if calls that name no endpoint go to the offline simulator."""
        return not (self.variables.get("OPENAI_API_KEY") or self.variables.get("OPENAI_BASE_URL"))

    @property
    def own_address(self) -> str:
        """The address of models that name none: OPENAI_BASE_URL, else OpenAI's, or `simulator` without a key."""
        return SIMULATOR if self.is_offline else self.variables.get("OPENAI_BASE_URL") or OPENAI

    def read_key(self, variable: str) -> str:
        """Return the API key in a variable; empty if it is not set."""
        key = self.variables.get(variable, "").strip()
        remember_secret(variable, key)
        return key

    def explain_refusal(self, model: ModelChoice, address: str) -> str | None:
        """Return why this process does not call a model at `address`, and the line that changes it; None if it may.

        A key is sent to this process's own endpoint, to this machine, and to hosts that a person allowed.
        """
        if wrong := explain_bad_address(address):
            return wrong
        variable = model.api_key_env
        if fault := find_key_fault(variable, self.read_key(variable)):
            return fault
        if not self.read_key(variable):
            is_needed = address == OPENAI or ("api_key_env" in model.model_fields_set and not is_loopback(address))
            return f"{missing_key_message(variable)} of {address}" if is_needed else None
        if not self.may_allow(model, address):
            return None
        return (
            f"the key in {variable} is not sent to {parse_host(address)}, which is not the endpoint of this process; "
            f"if it is meant for that host: {self.suggest_allowing(address)}"
        )

    def suggest_allowing(self, address: str) -> str:
        """Return the command by which keys may also be sent to the host of `address`."""
        return f"export {ALLOW_HOSTS}={','.join([*self._list_variable_hosts(), parse_host(address)])}"

    def may_allow(self, model: ModelChoice, address: str) -> bool:
        """Return True if the model has a key that is kept from `address` until a person allows its host."""
        host = parse_host(address)
        is_allowed = is_loopback(address) or self._is_own_host(address) or host in self.list_allowed_hosts()
        return bool(host and self.read_key(model.api_key_env)) and not is_allowed

    def list_allowed_hosts(self) -> set[str]:
        """Return the hosts that keys may be sent to: those of QUIRE_ALLOW_HOSTS, and those allowed at a terminal."""
        remembered: list[str] = []
        if self.hosts_file is not None and self.hosts_file.is_file():
            remembered = self.hosts_file.read_text("utf-8", "replace").split()
        return {*self._list_variable_hosts(), *remembered}

    def remember_host(self, host: str) -> None:
        """Allow keys to be sent to a host from now on, in this process and in others with the same QUIRE_HOME."""
        if self.hosts_file is None:
            return
        self.hosts_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.hosts_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{host}\n")

    def _list_variable_hosts(self) -> list[str]:
        return [host.strip().lower() for host in self.variables.get(ALLOW_HOSTS, "").split(",") if host.strip()]

    def _is_own_host(self, address: str) -> bool:
        """Return True for the host of this process's own endpoint, unless its key would go there unencrypted now."""
        own = self.own_address
        is_downgrade = own.lower().startswith("https:") and not address.lower().startswith("https:")
        return bool(parse_host(own)) and parse_host(address) == parse_host(own) and not is_downgrade
