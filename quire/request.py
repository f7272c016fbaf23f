"""What one run is to make: the workflow's only input, written by people as YAML or JSON."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
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

MAX_TARGET = 1_000_000

Positive = Annotated[StrictInt, Field(ge=1)]
Format = Literal["json", "jsonl", "csv", "parquet", "hf", "markdown", "docx"]


class Part(BaseModel):
    """A part of a request. Unknown fields are errors: a misspelt setting must not be silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_serializer(mode="wrap")
    def _as_said(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only what was said travels: a recipe's own defaults are laid under the rest, wherever it is read."""
        return {key: value for key, value in serialize(self).items() if key in self.model_fields_set}


class ModelChoice(Part):
    """Which model answers, and where. The key is named by its environment variable, never carried."""

    name: StrictStr = Field(default="o3-mini", min_length=1, description="model name, as the endpoint knows it")
    max_output_tokens: Positive = Field(default=8000, description="the most tokens one answer may have")
    base_url: StrictStr | None = Field(default=None, description="an OpenAI-compatible endpoint; else OPENAI_BASE_URL")
    api_key_env: StrictStr = Field(
        default="OPENAI_API_KEY", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="environment variable with the key"
    )
    temperature: Annotated[StrictFloat | StrictInt, Field(ge=0, le=2)] | None = Field(
        default=None, description="left to the endpoint where absent; reasoning models take none"
    )
    timeout_seconds: Positive = Field(default=300, description="one call's limit; reasoning models get 1.5 times this")
    stream: Literal["auto"] | StrictBool = Field(
        default="auto", description="take answers piece by piece; auto: those that are expected to be long"
    )
    rpm: Positive | None = Field(default=None, description="calls a minute, over all workers and runs")
    tpm: Positive | None = Field(default=None, description="tokens a minute, in and out, over all workers and runs")
    fallbacks: tuple["Fallback", ...] = Field(default=(), description="other models, when tries are used up")

    @property
    def limited(self) -> bool:
        """Whether it, or a model that may take its place, has a rate that must not be passed."""
        return any(choice.rpm is not None or choice.tpm is not None for choice in (self, *self.fallbacks))

    def instead(self, step: int) -> "ModelChoice":
        """This model, or the one that takes its place after `step` changes."""
        if not step:
            return self
        other = self.fallbacks[step - 1]
        changes = {key: value for key, value in other.model_dump().items() if value is not None}
        changed = ModelChoice.model_validate(self.model_dump(exclude={"fallbacks", "rpm", "tpm"}) | changes)
        return changed.paced_as(self)

    def paced_as(self, other: "ModelChoice") -> "ModelChoice":
        """With the other one's rates where both are the same model at the same address and this one names none."""
        same = (self.name, self.base_url) == (other.name, other.base_url)
        if not same or self.rpm is not None or self.tpm is not None:
            return self
        said = {key: value for key, value in (("rpm", other.rpm), ("tpm", other.tpm)) if value is not None}
        return self.model_copy(update=said)


class Fallback(Part):
    """Another model that is asked when the tries of the one before are used up."""

    name: StrictStr = Field(min_length=1, description="model name, as its endpoint knows it")
    max_output_tokens: Positive | None = Field(default=None, description="the same as the first model's where absent")
    base_url: StrictStr | None = Field(default=None, description="the same endpoint where absent")
    api_key_env: StrictStr | None = Field(
        default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="the same key where absent"
    )
    rpm: Positive | None = Field(default=None, description="calls a minute of this model")
    tpm: Positive | None = Field(default=None, description="tokens a minute of this model")


class Hedge(Part):
    """A second call that races a slow one; both are paid for."""

    after: Annotated[StrictFloat | StrictInt, Field(gt=1, le=100)] = Field(
        default=3.0, description="how many times the usual time a call may take before a second one starts"
    )


class Batching(Part):
    """How slots are gathered into calls."""

    enabled: StrictBool = Field(default=True, description="false: everything in one call")
    trigger: Positive = Field(default=10, description="up to this many items go into one call")
    size: Literal["auto"] | Positive = Field(default="auto", description="items a call, or auto")
    concurrency: Annotated[StrictInt, Field(ge=1, le=1000)] = Field(default=8, description="calls in flight")
    batch_size: Positive | None = Field(
        default=None, description="older systems' name: calls in flight for topic_dataset, items a call elsewhere"
    )
    tokens_per_item: Positive = Field(default=500, description="output tokens of an item, until usage is seen")
    warm_up: StrictBool = Field(
        default=False, description="one batch goes ahead, so that the others find the prompt in the provider's cache"
    )
    hedge: Hedge | None = Field(default=None, description="a second call races a slow one; off where absent")
    context: Literal["none", "window", "summary", "conversation"] | None = Field(
        default=None,
        description="what a batch sees of those before it in its lane: nothing (all side by side), the last item's "
        "tail, a line for each earlier item, or the earlier turns; the recipe's own where absent",
    )


class Retry(Part):
    """How often a slot's content is tried. Waiting out a rate limit or a dropped connection is not a try."""

    attempts: Annotated[StrictInt, Field(ge=1, le=20)] = Field(default=3, description="tries of one slot's content")


class Budget(Part):
    """What a run may spend; at the cap it waits for `raise_budget` or `finish_now`."""

    tokens: Positive | None = Field(default=None, description="tokens in and out, together")
    usd: Annotated[StrictFloat | StrictInt, Field(gt=0)] | None = Field(
        default=None, description="at list prices; only for models whose price is known"
    )


class Embedding(Part):
    """Which model turns texts into vectors, for `method: semantic`."""

    name: StrictStr = Field(default="text-embedding-3-small", min_length=1, description="the embedding model's name")
    base_url: StrictStr | None = Field(default=None, description="the model's own endpoint where absent")
    api_key_env: StrictStr | None = Field(default=None, description="the model's own key where absent")
    dimensions: Positive | None = Field(default=None, description="asked of models that can make shorter vectors")
    rpm: Positive | None = Field(default=None, description="calls a minute of this model")
    tpm: Positive | None = Field(default=None, description="tokens a minute of this model")


class Duplicates(Part):
    """How twins are found. The later one, in slot order, is rejected and its slot opens again."""

    method: Literal["off", "exact", "structural", "near", "semantic"] = Field(
        default="off",
        description="exact: the same content; structural: the same but for numbers, names and ids; near: most pieces "
        "of five characters in common; semantic: vectors that point the same way",
    )
    threshold: Annotated[StrictFloat | StrictInt, Field(gt=0.5, le=1)] | None = Field(
        default=None, description="from where two items are twins, for near (0.9) and semantic (0.92)"
    )
    fields: tuple[StrictStr, ...] | None = Field(
        default=None, min_length=1, description="the fields compared; the recipe's own where absent"
    )
    window: Literal["all"] | Positive = Field(default="all", description="how far back twins are looked for, in items")
    rounds: Annotated[StrictInt, Field(ge=0, le=20)] = Field(
        default=3, description="how often rejected slots go again; after that they end as duplicates"
    )
    keep_last: StrictBool = Field(
        default=False, description="after the last round keep the least similar candidate, marked as such"
    )
    against: tuple[StrictStr, ...] = Field(
        default=(), description="keep out what is there already: .jsonl files, or ids of earlier runs in this store"
    )
    embedding: Embedding = Embedding()

    @property
    def least(self) -> float:
        """The likeness from which two items are twins."""
        return self.threshold or {"near": 0.9, "semantic": 0.92}.get(self.method, 1.0)


class Mlflow(Part):
    """Where a run is logged while it goes on. Credentials come from MLflow's own environment variables."""

    tracking_uri: StrictStr = Field(description="an MLflow server's http:// or https:// address, or sqlite:///a/file")
    experiment: StrictStr = Field(
        default="quire", min_length=1, max_length=200, pattern=r"\S", description="made where there is none"
    )

    @field_validator("tracking_uri")
    @classmethod
    def _is_an_address_without_a_password(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
        except ValueError:
            raise ValueError("write it as http://host:port") from None
        if "@" in parts.netloc:
            raise ValueError("it must hold no password: set MLFLOW_TRACKING_USERNAME and _PASSWORD, or _TOKEN")
        if parts.scheme in ("http", "https") and parts.netloc:
            return value.rstrip("/")
        if parts.scheme == "sqlite" and parts.path.strip("/"):
            return value
        raise ValueError("write it as http://host:port, https://host, or sqlite:///folder/mlflow.db")


class Output(Part):
    """Where text lives and what the artifact is written as."""

    store: StrictStr = Field(default="runs", min_length=1, description="a directory, or an s3://, gs:// or az:// URL")
    formats: tuple[Format, ...] = Field(
        default=("json", "jsonl"),
        min_length=1,
        description="hf is a folder that datasets.load_dataset reads; markdown and docx are for people to read",
    )
    mlflow: Mlflow | None = Field(default=None, description="an MLflow server that is told of the run as it goes on")


class Request(Part):
    """One artifact to be made."""

    recipe: StrictStr = Field(min_length=1, description="what kind of artifact")
    inputs: dict[str, Any] = Field(default_factory=dict, description="the recipe's own parameters")
    target: Annotated[StrictInt, Field(ge=1, le=MAX_TARGET)] | None = Field(
        default=None, description="items; where absent the recipe derives it from its inputs"
    )
    seed: StrictInt | None = Field(
        default=None, description="what is drawn at random is drawn from this; by the run's id where absent"
    )
    model: ModelChoice = ModelChoice()
    worker_model: ModelChoice | None = Field(
        default=None, description="the model that generates, where another one (`model`) plans and judges"
    )
    batching: Batching = Batching()
    retry: Retry = Retry()
    on_failure: Literal["fallback", "skip", "stop"] = Field(
        default="skip",
        description="what happens when a slot gives up: the recipe's template in its place, go on without it, or stop "
        "the run",
    )
    duplicates: Duplicates = Duplicates()
    budget: Budget = Budget()
    reuse: StrictBool = Field(default=True, description="take answers that an earlier run in this store paid for")
    approve: Literal["no", "plan", "first_batch"] = Field(
        default="no", description="wait for a person before the first call, or after the first batch"
    )
    output: Output = Output()

    @property
    def generator(self) -> ModelChoice:
        """The model that makes the items."""
        return self.worker_model.paced_as(self.model) if self.worker_model else self.model


__all__ = [
    "MAX_TARGET", "Batching", "Budget", "Duplicates", "Embedding", "Fallback", "Format", "Hedge", "Mlflow",
    "ModelChoice", "Output", "Part", "Request", "Retry",
]  # fmt: skip
