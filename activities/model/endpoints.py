"""The endpoints of one worker process: clients, and what is learned of each while it is used."""

import asyncio
import os
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from activities.limits.concurrency import Throttle
from activities.limits.rate_leases import Leasing, keeper, of_process
from activities.limits.rate_queue import Pace
from activities.model.http_errors import setup_error
from activities.model.request_body import FORMS, OPENAI, Form
from quire.request import ModelChoice

if TYPE_CHECKING:
    from activities.model.http_client import Client  # 20 MB and half a second that a worker needs at its first call

SIMULATOR = "simulator"


def simulated() -> bool:
    """Whether calls that name no endpoint go to the offline simulator."""
    return not (os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"))


@dataclass
class Endpoints:
    """One client per address and key variable, made when first needed.

    `offline` is the address of the simulator where neither OPENAI_API_KEY nor OPENAI_BASE_URL is set. `leasing` is how
    leases of the rates are had; where there is no server, this process is thought to be the only one.
    """

    offline: str | None = None
    leasing: Leasing = field(default_factory=of_process)
    _clients: dict[tuple[str, str], "Client"] = field(default_factory=dict[tuple[str, str], "Client"])
    _forms: dict[tuple[str, str], Form] = field(default_factory=dict[tuple[str, str], Form])
    _throttles: defaultdict[tuple[str, str], Throttle] = field(default_factory=lambda: defaultdict(Throttle))
    _paces: dict[tuple[str, str], Pace] = field(default_factory=dict[tuple[str, str], Pace])
    _alone: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary[str, asyncio.Lock])

    def address(self, model: ModelChoice) -> str:
        """Where calls go."""
        return model.base_url or os.environ.get("OPENAI_BASE_URL") or self.offline or OPENAI

    def identity(self, model: ModelChoice) -> str:
        """The address as answers are filed under: the simulator's port changes with every start."""
        return SIMULATOR if self.simulates(model) else self.address(model)

    def simulates(self, model: ModelChoice) -> bool:
        """Whether calls go to the offline simulator for want of an endpoint."""
        return self.address(model) == self.offline

    def throttle(self, model: ModelChoice) -> Throttle:
        """What bounds the calls in flight of this endpoint and model, for all runs of this worker."""
        return self._throttles[self.address(model), model.name]

    def alone(self, where: str) -> asyncio.Lock:
        """What the call whose answer is to lie there holds: of the same call, this worker makes one at a time."""
        lock = self._alone.get(where)
        if lock is None:
            lock = self._alone[where] = asyncio.Lock()
        return lock

    def pace(self, model: ModelChoice) -> Pace | None:
        """What calls wait for where this endpoint and model have rates, by this choice or by another run's."""
        key = self.identity(model), model.name
        known = self._paces.get(key)
        if model.rpm is None and model.tpm is None:
            return known if known is not None and known.live else None
        if known is None:
            known = self._paces[key] = Pace(keeper(*key), self.leasing)
        return known

    def forms(self, model: ModelChoice) -> tuple[Form, ...]:
        """The forms of structured output to be tried: the one that this endpoint took, else all, best first."""
        known = self._forms.get((self.address(model), model.name))
        return FORMS if known is None else (known,)

    def took(self, model: ModelChoice, form: Form) -> None:
        """This endpoint takes this form: no other is tried again."""
        self._forms[self.address(model), model.name] = form

    def client(self, model: ModelChoice) -> "Client":
        """The client of the model's endpoint."""
        address = self.address(model)
        wanted = (address, model.api_key_env)
        if wanted not in self._clients:
            self._clients[wanted] = self._made(model, address)
        return self._clients[wanted]

    def _made(self, model: ModelChoice, address: str) -> "Client":
        from activities.model.http_client import Client

        return Client.of(address, self._key(model, address), model.timeout_seconds * 1.5)

    def _key(self, model: ModelChoice, address: str) -> str:
        key = os.environ.get(model.api_key_env, "").strip()
        if not key and address == OPENAI:
            raise setup_error(f"the environment variable {model.api_key_env} is not set; it must hold the API key")
        return key

    async def close(self) -> None:
        """Close every client, and lease no more."""
        for pace in self._paces.values():
            await pace.close()
        for client in self._clients.values():
            await client.close()
        self._clients.clear()
