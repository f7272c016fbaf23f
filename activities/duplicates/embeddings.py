"""Vectors of texts from the endpoint, and an index that compares them exactly."""

import json
from collections.abc import Sequence
from typing import Any

from temporalio import activity

from activities.limits.concurrency import turn_for
from activities.limits.rate_turn import turn
from activities.model.call import failing
from activities.model.endpoints import Endpoints
from activities.model.http_errors import UnusableAnswer, setup_error
from activities.model.pricing import list_price
from activities.store.object_store import Store, digest
from quire.outcome import Usage
from quire.request import ModelChoice, Request
from quire.similarity import Like

TEXTS_A_CALL = 128
_GROWTH, _BLOCK = 1024, 16_384


def numpy() -> Any:
    """numpy, which only this method needs."""
    try:
        import numpy as found
    except ImportError:
        raise setup_error("duplicates.method semantic needs numpy; install it with: uv sync --extra semantic") from None
    return found


class Semantic:
    """Twins have vectors that point the same way: exact cosine over all that stay, in half precision."""

    certain = True

    def __init__(self, least: float) -> None:
        self._np = numpy()
        self._least = least
        self._vectors: Any = None
        """Rows that stay, in half precision; as many again are set aside as are used."""
        self._numbers: list[int] = []
        self._expected: dict[bytes, list[Like]] = {}
        self._seen = 0
        """Rows that what is expected has been compared with."""

    def sign(self, texts: Sequence[str]) -> list[bytes]:
        raise NotImplementedError("vectors come from the endpoint")

    def expect(self, signatures: Sequence[bytes]) -> None:
        """One product for all of them with all that stay: the rows are unpacked once."""
        self._seen = len(self._numbers)
        self._expected = {signature: [] for signature in signatures}
        distinct = list(self._expected)
        if not distinct or not self._seen:
            return
        asked = self._np.stack([self._single(signature) for signature in distinct])
        for start in range(0, self._seen, _BLOCK):
            block = self._vectors[start : min(start + _BLOCK, self._seen)].astype("<f4")
            scores = asked @ block.T
            for which, at in zip(*self._np.nonzero(scores >= self._least - 1e-3), strict=True):
                like = (self._numbers[start + int(at)], min(1.0, float(scores[which, at])))
                self._expected[distinct[int(which)]].append(like)

    def add(self, number: int, signature: bytes) -> None:
        vector = self._np.frombuffer(signature, dtype="<f2")
        count = len(self._numbers)
        if self._vectors is None:
            self._vectors = self._np.zeros((_GROWTH, len(vector)), dtype="<f2")
        elif count == len(self._vectors):
            self._vectors = self._np.concatenate([self._vectors, self._np.zeros_like(self._vectors)])
        self._vectors[count] = vector
        self._numbers.append(number)

    def like(self, signature: bytes) -> list[Like]:
        found = list(self._expected.get(signature, ()))
        count = len(self._numbers)
        start = self._seen if signature in self._expected else 0
        if count > start:
            scores = self._vectors[start:count].astype("<f4") @ self._single(signature)
            near = self._np.flatnonzero(scores >= self._least - 1e-3)
            found += [(self._numbers[start + int(at)], min(1.0, float(scores[at]))) for at in near]
        return sorted(found)

    def _single(self, signature: bytes) -> Any:
        return self._np.frombuffer(signature, dtype="<f2").astype("<f4")


class Vectors:
    """Vectors of texts, asked for in batches; each batch is in the store before it is used."""

    def __init__(self, store: Store, endpoints: Endpoints, request: Request) -> None:
        said = request.duplicates.embedding
        changes: dict[str, Any] = {
            key: value for key, value in (("base_url", said.base_url), ("api_key_env", said.api_key_env)) if value
        }
        changes |= {"name": said.name, "rpm": said.rpm, "tpm": said.tpm}
        self.model: ModelChoice = request.model.model_copy(update=changes).paced_as(request.model)
        self.dimensions = said.dimensions
        self.store, self.endpoints = store, endpoints
        self.usage = Usage()
        self.simulated = False

    async def of(self, texts: Sequence[str]) -> list[bytes]:
        """One signature for each text, in order: its vector at length one, in half precision."""
        found: list[bytes] = []
        for start in range(0, len(texts), TEXTS_A_CALL):
            found += await self._batch(texts[start : start + TEXTS_A_CALL])
        return found

    async def _batch(self, texts: Sequence[str]) -> list[bytes]:
        np = numpy()
        filed = json.dumps([self.endpoints.identity(self.model), self.model.name, self.dimensions, *texts])
        key = f"vectors/{digest(filed.encode())}.bin"
        data = await self.store.get(key)
        if data is None:
            vectors = np.array(await self._asked(texts), dtype="<f4")
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
            data = await self.store.put_once(key, vectors.astype("<f2").tobytes())
        size = len(data) // len(texts)
        return [data[at * size : (at + 1) * size] for at in range(len(texts))]

    async def _asked(self, texts: Sequence[str]) -> list[list[float]]:
        extra: dict[str, Any] = {"dimensions": self.dimensions} if self.dimensions else {}
        with failing(self.endpoints, self.model):
            return await self._answered(texts, extra)

    async def _answered(self, texts: Sequence[str], extra: dict[str, Any]) -> list[list[float]]:
        async with (
            self.endpoints.throttle(self.model).slot(turn_for(self.store.workflow_id)),
            turn(self.endpoints, self.model, sum(map(len, texts)), None) as took,
        ):
            answer = await self.endpoints.client(self.model).embeddings.create(
                model=self.model.name, input=list(texts), encoding_format="float", **extra
            )
            if len(answer.data) != len(texts):
                raise UnusableAnswer(f"{len(texts)} texts were sent, and {len(answer.data)} vectors came back")
            took.told(answer.usage.prompt_tokens if answer.usage else sum(map(len, texts)) // 4, 0)
        counted = Usage(calls=1, prompt_tokens=answer.usage.prompt_tokens if answer.usage else 0)
        self.simulated = self.endpoints.simulates(self.model)
        cost = 0.0 if self.simulated else list_price(self.model.name, counted)
        self.usage = self.usage.plus(counted.model_copy(update={"cost_usd": cost}))
        if activity.in_activity():
            activity.heartbeat(self.usage.calls)
        return [entry.embedding for entry in sorted(answer.data, key=lambda entry: entry.index)]
