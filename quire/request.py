"""The request: what one run generates. It is the workflow's only input, written by people as YAML or JSON."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    field_validator,
    model_serializer,
)

from quire.addresses import check_endpoint, check_store
from quire.number_bounds import MAX_TARGET, Count, Rate, Seconds, Seed, TokensOfCall, TokensOfRun

SIMULATOR = "simulator"
"""The address of the offline simulator, whose port is another one at each start."""

Address = Annotated[StrictStr, AfterValidator(check_endpoint)]
Format = Literal["json", "jsonl", "csv", "parquet", "hf", "markdown", "docx"]


class Part(BaseModel):
    """A part of a request. Unknown fields are errors: a misspelt setting must not be silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_serializer(mode="wrap")
    def _serialize_set_fields(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Serialize only the fields that were set; a recipe's own defaults fill in the others wherever it is read."""
        return {key: value for key, value in serialize(self).items() if key in self.model_fields_set}


class ModelChoice(Part):
    """A model and its endpoint. The key is named by its environment variable and never part of a request."""

    name: StrictStr = Field(default="o3-mini", min_length=1, description="model name, as the endpoint knows it")
    max_output_tokens: TokensOfCall = Field(default=8000, description="maximum tokens of one answer")
    base_url: Address | None = Field(
        default=None, description="an OpenAI-compatible endpoint; default: OPENAI_BASE_URL"
    )
    api_key_env: StrictStr = Field(
        default="OPENAI_API_KEY",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="environment variable that holds the key",
    )
    temperature: Annotated[StrictFloat | StrictInt, Field(ge=0, le=2)] | None = Field(
        default=None, description="the endpoint's default if absent; reasoning models accept none"
    )
    timeout_seconds: Seconds = Field(
        default=300, description="time limit of one call; reasoning models get 1.5 times this"
    )
    stream: Literal["auto"] | StrictBool = Field(
        default="auto", description="stream answers; auto: those that are expected to be long"
    )
    rpm: Rate | None = Field(default=None, description="calls per minute, across all workers and runs")
    tpm: Rate | None = Field(default=None, description="tokens per minute, in and out, across all workers and runs")
    fallbacks: tuple["Fallback", ...] = Field(
        default=(), description="other models, used in order when tries are used up"
    )

    @property
    def has_rate_limits(self) -> bool:
        """True if this model or one of its fallbacks has a rate limit."""
        return any(choice.rpm is not None or choice.tpm is not None for choice in (self, *self.fallbacks))

    def choose_for_step(self, step: int) -> "ModelChoice":
        """Return this model for step 0, or its fallback number `step`."""
        if not step:
            return self
        changes = {key: value for key, value in self.fallbacks[step - 1].model_dump().items() if value is not None}
        fallback = ModelChoice.model_validate(self.model_dump(exclude={"fallbacks", "rpm", "tpm"}) | changes)
        return fallback.with_limits_of(self)

    def with_limits_of(self, other: "ModelChoice") -> "ModelChoice":
        """Return this model with `other`'s rate limits, if it is the same model and address and has none itself."""
        is_same = (self.name, self.base_url) == (other.name, other.base_url)
        if not is_same or self.rpm is not None or self.tpm is not None:
            return self
        limits = {key: value for key, value in (("rpm", other.rpm), ("tpm", other.tpm)) if value is not None}
        return self.model_copy(update=limits)


class Fallback(Part):
    """Another model, called when the tries with the previous one are used up."""

    name: StrictStr = Field(min_length=1, description="model name, as its endpoint knows it")
    max_output_tokens: TokensOfCall | None = Field(default=None, description="the first model's if absent")
    base_url: Address | None = Field(default=None, description="the first model's endpoint if absent")
    api_key_env: StrictStr | None = Field(
        default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="the first model's key if absent"
    )
    rpm: Rate | None = Field(default=None, description="calls per minute of this model")
    tpm: Rate | None = Field(default=None, description="tokens per minute of this model")


class Hedge(Part):
    """A second call that races a slow one; both are paid for."""

    after: Annotated[StrictFloat | StrictInt, Field(gt=1, le=100)] = Field(
        default=3.0, description="start a second call when one takes this many times the usual time"
    )


class Batching(Part):
    """How slots are grouped into calls."""

    enabled: StrictBool = Field(default=True, description="false: everything in one call")
    trigger: Count = Field(default=10, description="up to this many items go into one call")
    size: Literal["auto"] | Count = Field(default="auto", description="items per call, or auto")
    concurrency: Annotated[StrictInt, Field(ge=1, le=1000)] = Field(default=8, description="calls in flight")
    batch_size: Count | None = Field(
        default=None,
        description="name used by older systems: calls in flight for topic_dataset, items per call otherwise",
    )
    tokens_per_item: TokensOfCall = Field(
        default=500, description="expected output tokens of an item, until usage is measured"
    )
    warm_up: StrictBool = Field(
        default=False, description="send one batch first, so that the others find the prompt in the provider's cache"
    )
    hedge: Hedge | None = Field(default=None, description="send a second call when one is slow; off if absent")
    context: Literal["none", "window", "summary", "conversation"] | None = Field(
        default=None,
        description="what a batch sees of earlier ones in its lane: nothing (all batches side by side), the end of the "
        "last item, a line for each earlier item, or the earlier messages; the recipe's own if absent",
    )


class Retry(Part):
    """How often a slot's content is tried. Waiting for a rate limit or after a dropped connection is not a try."""

    attempts: Annotated[StrictInt, Field(ge=1, le=20)] = Field(default=3, description="tries of one slot's content")


class Budget(Part):
    """Caps on what a run may spend; at a cap it waits for `raise_budget` or `finish_now`."""

    tokens: TokensOfRun | None = Field(default=None, description="tokens in and out, together")
    usd: Annotated[StrictFloat | StrictInt, Field(gt=0, le=10**9)] | None = Field(
        default=None, description="at list prices; only for models whose price is known"
    )

    @property
    def is_set(self) -> bool:
        """True if there is a cap."""
        return self.tokens is not None or self.usd is not None


class Embedding(Part):
    """The embedding model for `method: semantic`."""

    name: StrictStr = Field(default="text-embedding-3-small", min_length=1, description="the embedding model's name")
    base_url: Address | None = Field(default=None, description="the model's endpoint if absent")
    api_key_env: StrictStr | None = Field(default=None, description="the model's key if absent")
    dimensions: Count | None = Field(default=None, description="for models that can return shorter vectors")
    rpm: Rate | None = Field(default=None, description="calls per minute of this model")
    tpm: Rate | None = Field(default=None, description="tokens per minute of this model")


class Duplicates(Part):
    """How duplicates are found. The later one, in slot order, is rejected and generated again."""

    method: Literal["off", "exact", "structural", "near", "semantic"] = Field(
        default="off",
        description="exact: the same content; structural: the same but for numbers, names and ids; near: most pieces "
        "of five characters in common; semantic: vectors that point the same way",
    )
    threshold: Annotated[StrictFloat | StrictInt, Field(gt=0.5, le=1)] | None = Field(
        default=None, description="similarity from which items are duplicates; default: 0.9 for near, 0.92 for semantic"
    )
    fields: tuple[StrictStr, ...] | None = Field(
        default=None, min_length=1, description="fields to compare; the recipe's own if absent"
    )
    window: Literal["all"] | Count = Field(
        default="all", description="how many earlier items each item is compared with"
    )
    rounds: Annotated[StrictInt, Field(ge=0, le=20)] = Field(
        default=3, description="how often rejected items are generated again; after that their slots fail as duplicates"
    )
    keep_last: StrictBool = Field(
        default=False, description="after the last round, keep the least similar candidate, marked as such"
    )
    against: tuple[StrictStr, ...] = Field(
        default=(), description="existing items not to repeat: .jsonl files, or ids of earlier runs in this store"
    )
    embedding: Embedding = Embedding()

    @property
    def effective_threshold(self) -> float:
        """The similarity from which two items are duplicates."""
        return self.threshold or {"near": 0.9, "semantic": 0.92}.get(self.method, 1.0)


class Mlflow(Part):
    """Where a run is logged while it runs. Credentials come from MLflow's own environment variables."""

    tracking_uri: StrictStr = Field(description="an MLflow server's http:// or https:// address, or sqlite:///a/file")
    experiment: StrictStr = Field(
        default="quire", min_length=1, max_length=200, pattern=r"\S", description="created if it does not exist"
    )

    @field_validator("tracking_uri")
    @classmethod
    def _check_address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
        except ValueError:
            raise ValueError("write it as http://host:port") from None
        if "@" in parts.netloc:
            raise ValueError("it must not contain a password: set MLFLOW_TRACKING_USERNAME and _PASSWORD, or _TOKEN")
        if parts.scheme in ("http", "https") and parts.netloc:
            return value.rstrip("/")
        if parts.scheme == "sqlite" and parts.path.strip("/"):
            return value
        raise ValueError("write it as http://host:port, https://host, or sqlite:///folder/mlflow.db")


class Output(Part):
    """Where texts are stored, and the formats of the artifact."""

    store: Annotated[StrictStr, AfterValidator(check_store)] = Field(
        default="runs", min_length=1, description="a directory, or an s3://, gs:// or az:// URL"
    )
    formats: tuple[Format, ...] = Field(
        default=("json", "jsonl"),
        min_length=1,
        description="hf is a folder that datasets.load_dataset reads; markdown and docx are for people to read",
    )
    mlflow: Mlflow | None = Field(default=None, description="an MLflow server to log the run to while it runs")


class Request(Part):
    """A request for one artifact."""

    recipe: StrictStr = Field(min_length=1, description="what kind of artifact")
    inputs: dict[str, Any] = Field(default_factory=dict, description="the recipe's own parameters")
    target: Count | None = Field(
        default=None, description="number of items; derived from the inputs by the recipe if absent"
    )
    seed: Seed | None = Field(default=None, description="seed of random choices; derived from the run's id if absent")
    default_base_url: StrictStr | None = Field(
        default=None,
        pattern=r"^(simulator|https?://[^\s@\\]+)$",
        description="the endpoint of models that name none. Each run fixes it at its start: OPENAI_BASE_URL, else "
        "OpenAI's, or `simulator` without a key; workers with another one do not call for this run",
    )
    model: ModelChoice = ModelChoice()
    worker_model: ModelChoice | None = Field(
        default=None, description="the model that generates, if another one (`model`) plans and reviews"
    )
    batching: Batching = Batching()
    retry: Retry = Retry()
    on_failure: Literal["fallback", "skip", "stop"] = Field(
        default="skip",
        description="what happens when a slot fails: use the recipe's template in its place, continue without it, or "
        "stop the run",
    )
    duplicates: Duplicates = Duplicates()
    budget: Budget = Budget()
    reuse: StrictBool = Field(default=True, description="use answers that an earlier run in this store paid for")
    approve: Literal["no", "plan", "first_batch"] = Field(
        default="no", description="wait for a person before the first call, or after the first batch"
    )
    output: Output = Output()

    def with_default_address(self, address: str) -> "Request":
        """Return the request with the address of models that name none, unless it has one already."""
        if self.default_base_url is not None:
            return self
        return self.model_copy(update={"default_base_url": address})

    @property
    def generator(self) -> ModelChoice:
        """The model that generates the items."""
        return self.worker_model.with_limits_of(self.model) if self.worker_model else self.model

    @property
    def embedder(self) -> ModelChoice:
        """The embedding model, at the endpoint and with the key of `model` unless it names its own."""
        embedding = self.duplicates.embedding
        endpoint = (("base_url", embedding.base_url), ("api_key_env", embedding.api_key_env))
        changes: dict[str, Any] = {key: value for key, value in endpoint if value}
        changes |= {"name": embedding.name, "rpm": embedding.rpm, "tpm": embedding.tpm}
        return self.model.model_copy(update=changes).with_limits_of(self.model)


__all__ = [
    "MAX_TARGET", "SIMULATOR", "Batching", "Budget", "Count", "Duplicates", "Embedding", "Fallback", "Format", "Hedge",
    "Mlflow", "ModelChoice", "Output", "Part", "Request", "Retry",
]  # fmt: skip
