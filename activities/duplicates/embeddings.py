"""Embed texts with a model at an endpoint, and find similar ones by comparing all vectors exactly."""

import json
from collections.abc import Sequence
from typing import Any

from activities.errors import setup_error
from activities.heartbeats import send_heartbeat
from activities.limits.concurrency import owner_of_call
from activities.limits.rate_turn import rate_turn
from activities.model.call import as_temporal_failures
from activities.model.endpoints import Endpoints
from activities.model.http_errors import UnusableAnswer
from activities.model.pricing import list_price
from activities.optional_packages import how_to_install
from activities.store.object_store import Store, hash_content
from quire.outcome import Usage
from quire.request import Request
from quire.similarity import Match

TEXTS_PER_CALL = 128
_FIRST_CAPACITY = 1024
"""Rows for which the index has room at first; it doubles when they are used up."""
_ROWS_PER_PRODUCT = 16_384
"""Rows that are unpacked to single precision and multiplied at a time."""


def import_numpy() -> Any:
    """Import numpy, which only the method `semantic` needs. Raises a setup error if it is not installed."""
    try:
        import numpy
    except ImportError:
        raise setup_error(f"duplicates.method semantic needs numpy; {how_to_install('semantic')}") from None
    return numpy


class SemanticIndex:
    """Finds items whose vectors point in nearly the same direction, by the exact cosine with every accepted item. It
    keeps vectors in half precision."""

    is_exact = True

    def __init__(self, threshold: float) -> None:
        self._np = import_numpy()
        self._min_score = threshold - 1e-3  # half precision loses up to this
        self._vectors: Any = None
        """The vectors of accepted items in its first rows; the other rows are spare."""
        self._numbers: list[int] = []
        self._expected: dict[bytes, list[Match]] = {}
        """Similar items by the signature of an expected item, among the first `_compared_rows` rows."""
        self._compared_rows = 0

    def sign(self, texts: Sequence[str]) -> list[bytes]:
        raise NotImplementedError("vectors come from the endpoint")

    def prepare(self, signatures: Sequence[bytes]) -> None:
        """Compare all expected items with all accepted ones in one product, so that each row is unpacked only once."""
        self._compared_rows = len(self._numbers)
        self._expected = {signature: [] for signature in signatures}
        distinct = list(self._expected)
        if not distinct or not self._compared_rows:
            return
        expected = self._np.stack([self._to_single_precision(signature) for signature in distinct])
        for start in range(0, self._compared_rows, _ROWS_PER_PRODUCT):
            block = self._vectors[start : min(start + _ROWS_PER_PRODUCT, self._compared_rows)].astype("<f4")
            scores = expected @ block.T
            for item, row in zip(*self._np.nonzero(scores >= self._min_score), strict=True):
                similar = (self._numbers[start + int(row)], min(1.0, float(scores[item, row])))
                self._expected[distinct[int(item)]].append(similar)

    def add(self, number: int, signature: bytes) -> None:
        vector = self._np.frombuffer(signature, dtype="<f2")
        count = len(self._numbers)
        if self._vectors is None:
            self._vectors = self._np.zeros((_FIRST_CAPACITY, len(vector)), dtype="<f2")
        elif count == len(self._vectors):
            self._vectors = self._np.concatenate([self._vectors, self._np.zeros_like(self._vectors)])
        self._vectors[count] = vector
        self._numbers.append(number)

    def find_similar(self, signature: bytes) -> list[Match]:
        similar = list(self._expected.get(signature, ()))
        count = len(self._numbers)
        start = self._compared_rows if signature in self._expected else 0
        if count > start:
            scores = self._vectors[start:count].astype("<f4") @ self._to_single_precision(signature)
            rows = self._np.flatnonzero(scores >= self._min_score)
            similar += [(self._numbers[start + int(row)], min(1.0, float(scores[row]))) for row in rows]
        return sorted(similar)

    def _to_single_precision(self, signature: bytes) -> Any:
        return self._np.frombuffer(signature, dtype="<f2").astype("<f4")


class Embedder:
    """Embeds texts in batches. Each batch is stored before it is used, so that no text is paid for twice."""

    def __init__(self, store: Store, endpoints: Endpoints, request: Request) -> None:
        self.model = request.embedder
        self.dimensions = request.duplicates.embedding.dimensions
        self.store, self.endpoints = store, endpoints.of_run(request)
        self.usage = Usage()
        self.simulated = False

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Return the signature of each text, in order: its vector, scaled to length 1, in half precision."""
        signatures: list[bytes] = []
        for start in range(0, len(texts), TEXTS_PER_CALL):
            signatures += await self._embed_batch(texts[start : start + TEXTS_PER_CALL])
        return signatures

    async def _embed_batch(self, texts: Sequence[str]) -> list[bytes]:
        np = import_numpy()
        question = json.dumps([self.endpoints.filed_address(self.model), self.model.name, self.dimensions, *texts])
        key = f"vectors/{hash_content(question.encode())}.bin"
        data = await self.store.get(key)
        if data is None:
            vectors = np.array(await self._request_vectors(texts), dtype="<f4")
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
            data = await self.store.put_once(key, vectors.astype("<f2").tobytes())
        size = len(data) // len(texts)
        return [data[index * size : (index + 1) * size] for index in range(len(texts))]

    async def _request_vectors(self, texts: Sequence[str]) -> list[list[float]]:
        with as_temporal_failures(self.endpoints, self.model):
            return await self._call_endpoint(texts)

    async def _call_endpoint(self, texts: Sequence[str]) -> list[list[float]]:
        extra: dict[str, Any] = {"dimensions": self.dimensions} if self.dimensions else {}
        async with (
            self.endpoints.throttle(self.model).call_slot(owner_of_call(self.store.workflow_id)),
            rate_turn(self.endpoints.rate_queue(self.model), self.model, sum(map(len, texts)), None) as actual,
        ):
            answer = await self.endpoints.client(self.model).embeddings.create(
                model=self.model.name, input=list(texts), encoding_format="float", **extra
            )
            if len(answer.data) != len(texts):
                raise UnusableAnswer(f"{len(texts)} texts were sent, but {len(answer.data)} vectors came back")
            actual.set(answer.usage.prompt_tokens if answer.usage else sum(map(len, texts)) // 4, 0)
        usage = Usage(calls=1, prompt_tokens=answer.usage.prompt_tokens if answer.usage else 0)
        self.simulated = self.endpoints.is_simulated(self.model)
        cost = 0.0 if self.simulated else list_price(self.model.name, usage)
        self.usage = self.usage.plus(usage.model_copy(update={"cost_usd": cost}))
        send_heartbeat(self.usage.calls)
        return [entry.embedding for entry in sorted(answer.data, key=lambda entry: entry.index)]
