"""The endpoints of one worker process: a client for each, and what is learned about it while it is used."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from activities.errors import setup_error
from activities.limits.concurrency import Throttle
from activities.limits.rate_leases import LeaseRates, local_leases, rate_keeper_id
from activities.limits.rate_queue import RateQueue
from activities.model.environment import ModelEnvironment, explain_bad_address, is_same_address
from activities.model.misfit import endpoint_elsewhere, unusable_here
from activities.model.request_body import MODES, StructuredMode
from quire.request import SIMULATOR, ModelChoice, Request

if TYPE_CHECKING:
    from openai import AsyncOpenAI  # 20 MB and half a second that a worker needs only at its first call

Key = tuple[str, str]
"""An endpoint's address and a model's name, or the variable of an API key."""


@dataclass
class Endpoints:
    """The clients of a worker process, one per address and key variable, opened at the first call.

    `simulator_address` is set if neither OPENAI_API_KEY nor OPENAI_BASE_URL is. `lease_rates` obtains leases of the
    rate limits; the default takes this process to be the only one that calls. `run_address` is where calls of one run
    go that name no endpoint, as its plan fixed it; without a run, where this process would send them.
    """

    simulator_address: str | None = None
    environment: ModelEnvironment = field(default_factory=ModelEnvironment)
    run_address: str | None = None
    lease_rates: LeaseRates = field(default_factory=local_leases)
    _clients: dict[Key, "AsyncOpenAI"] = field(default_factory=dict[Key, "AsyncOpenAI"])
    _modes: dict[Key, StructuredMode] = field(default_factory=dict[Key, StructuredMode])
    _throttles: defaultdict[Key, Throttle] = field(default_factory=lambda: defaultdict(Throttle))
    _rate_queues: dict[Key, RateQueue] = field(default_factory=dict[Key, RateQueue])
    _locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary[str, asyncio.Lock])

    def of_run(self, request: Request) -> "Endpoints":
        """Return these endpoints as a run calls them: at the address that its plan fixed, and nowhere else."""
        return replace(self, run_address=request.default_base_url)

    def filed_address(self, model: ModelChoice) -> str:
        """Return the address of a model as it is written down and made part of digests: the simulator's by its name,
        because its port varies."""
        return model.base_url or self.run_address or self.environment.own_address

    def address(self, model: ModelChoice) -> str:
        """Return the base URL that calls of this model go to."""
        filed = self.filed_address(model)
        return (self.simulator_address or filed) if filed == SIMULATOR else filed

    def is_simulated(self, model: ModelChoice) -> bool:
        """Return whether calls of this model go to the offline simulator because no endpoint is set."""
        return self.filed_address(model) == SIMULATOR

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
        key = self.filed_address(model), model.name
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
        """Return the client of the model's endpoint.

        Raises ApplicationError if this process is not set up for that endpoint: another worker may be.
        """
        address = self.address(model)
        key = address, model.api_key_env
        self._require_fit(model, address)
        if key not in self._clients:
            from activities.model.http_client import open_client

            api_key = "" if self.is_simulated(model) else self.environment.read_key(model.api_key_env)
            self._clients[key] = open_client(address, api_key, model.timeout_seconds * 1.5)
        return self._clients[key]

    def _require_fit(self, model: ModelChoice, address: str) -> None:
        """Raise ApplicationError unless this process may call the model at `address` with the key that it has."""
        if model.base_url and (wrong := explain_bad_address(model.base_url)):
            raise setup_error(wrong)
        own = self.environment.own_address
        if model.base_url is None and self.run_address and not is_same_address(self.run_address, own):
            raise endpoint_elsewhere(self.run_address, own)
        if not self.is_simulated(model) and (reason := self.environment.explain_refusal(model, address)):
            raise unusable_here(reason)

    async def close(self) -> None:
        """Close all clients and stop leasing rates."""
        for queue in self._rate_queues.values():
            await queue.stop()
        for client in self._clients.values():
            await client.close()
        self._clients.clear()
