"""The endpoints of one worker process: a client for each, and what is learned about it while it is used."""

import asyncio
import os
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from activities.errors import missing_key_message, setup_error
from activities.limits.concurrency import Throttle
from activities.limits.rate_leases import LeaseRates, local_leases, rate_keeper_id
from activities.limits.rate_queue import RateQueue
from activities.model.request_body import MODES, OPENAI, StructuredMode
from quire.request import ModelChoice

if TYPE_CHECKING:
    from openai import AsyncOpenAI  # 20 MB and half a second that a worker needs only at its first call

SIMULATOR_IDENTITY = "simulator"
Key = tuple[str, str]
"""An endpoint's address and a model's name, or the variable of an API key."""


def is_offline() -> bool:
    """Return whether calls that name no endpoint go to the offline simulator."""
    return not (os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"))


@dataclass
class Endpoints:
    """The clients of a worker process, one per address and key variable, opened at the first call.

    `simulator_address` is set if neither OPENAI_API_KEY nor OPENAI_BASE_URL is. `lease_rates` obtains leases of the
    rate limits; the default takes this process to be the only one that calls.
    """

    simulator_address: str | None = None
    lease_rates: LeaseRates = field(default_factory=local_leases)
    _clients: dict[Key, "AsyncOpenAI"] = field(default_factory=dict[Key, "AsyncOpenAI"])
    _modes: dict[Key, StructuredMode] = field(default_factory=dict[Key, StructuredMode])
    _throttles: defaultdict[Key, Throttle] = field(default_factory=lambda: defaultdict(Throttle))
    _rate_queues: dict[Key, RateQueue] = field(default_factory=dict[Key, RateQueue])
    _locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary[str, asyncio.Lock])

    def address(self, model: ModelChoice) -> str:
        """Return the base URL that calls of this model go to."""
        return model.base_url or os.environ.get("OPENAI_BASE_URL") or self.simulator_address or OPENAI

    def cache_identity(self, model: ModelChoice) -> str:
        """Return the endpoint's name in digests of calls. The simulator's is not its address, whose port varies."""
        return SIMULATOR_IDENTITY if self.is_simulated(model) else self.address(model)

    def is_simulated(self, model: ModelChoice) -> bool:
        """Return whether calls of this model go to the offline simulator because no endpoint is set."""
        return self.address(model) == self.simulator_address

    def throttle(self, model: ModelChoice) -> Throttle:
        """Return what bounds the calls in flight to this endpoint and model, for all runs of this worker."""
        return self._throttles[self.address(model), model.name]

    def call_lock(self, address: str) -> asyncio.Lock:
        """Return the lock of the call whose answer is stored at `address`: a worker sends no call twice at once."""
        lock = self._locks.get(address)
        if lock is None:
            lock = self._locks[address] = asyncio.Lock()
        return lock

    def rate_queue(self, model: ModelChoice) -> RateQueue | None:
        """Return the queue of calls to this endpoint and model; None if neither this model choice nor a recent one of
        another run sets `rpm` or `tpm`."""
        key = self.cache_identity(model), model.name
        queue = self._rate_queues.get(key)
        if model.rpm is None and model.tpm is None:
            return queue if queue is not None and queue.has_live_limits else None
        if queue is None:
            queue = self._rate_queues[key] = RateQueue(rate_keeper_id(*key), self.lease_rates)
        return queue

    def modes_to_try(self, model: ModelChoice) -> tuple[StructuredMode, ...]:
        """Return the mode of structured output that this endpoint accepted before, else all modes, best first."""
        accepted = self._modes.get((self.address(model), model.name))
        return MODES if accepted is None else (accepted,)

    def remember_mode(self, model: ModelChoice, mode: StructuredMode) -> None:
        """Record that this endpoint accepts a mode; no other is tried from now on."""
        self._modes[self.address(model), model.name] = mode

    def client(self, model: ModelChoice) -> "AsyncOpenAI":
        """Return the client of the model's endpoint. Raises a setup error if its API key is not set."""
        address = self.address(model)
        key = address, model.api_key_env
        if key not in self._clients:
            from activities.model.http_client import open_client

            self._clients[key] = open_client(address, _read_api_key(model, address), model.timeout_seconds * 1.5)
        return self._clients[key]

    async def close(self) -> None:
        """Close all clients and stop leasing rates."""
        for queue in self._rate_queues.values():
            await queue.stop()
        for client in self._clients.values():
            await client.close()
        self._clients.clear()


def _read_api_key(model: ModelChoice, address: str) -> str:
    key = os.environ.get(model.api_key_env, "").strip()
    if not key and address == OPENAI:
        raise setup_error(missing_key_message(model.api_key_env))
    return key
