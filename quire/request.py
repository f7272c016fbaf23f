"""What one run is to make: the workflow's only input, written by people as YAML or JSON."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr

MAX_TARGET = 1_000_000

Positive = Annotated[StrictInt, Field(ge=1)]


class Part(BaseModel):
    """A part of a request. Unknown fields are errors: a misspelt setting must not be silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


class Batching(Part):
    """How slots are gathered into calls."""

    trigger: Positive = Field(default=10, description="up to this many items go into one call")
    size: Literal["auto"] | Positive = Field(default="auto", description="items a call, or auto")
    concurrency: Annotated[StrictInt, Field(ge=1, le=1000)] = Field(default=8, description="calls in flight")
    tokens_per_item: Positive = Field(default=500, description="output tokens of an item, until usage is seen")


class Retry(Part):
    """How often a slot's content is tried. Waiting out a rate limit or a dropped connection is not a try."""

    attempts: Annotated[StrictInt, Field(ge=1, le=20)] = Field(default=3, description="tries of one slot's content")


class Output(Part):
    """Where text lives and what the artifact is written as."""

    store: StrictStr = Field(default="runs", min_length=1, description="a directory, or an s3://, gs:// or az:// URL")
    formats: tuple[Literal["json", "jsonl"], ...] = Field(default=("json", "jsonl"), min_length=1)


class Request(Part):
    """One artifact to be made."""

    recipe: StrictStr = Field(min_length=1, description="what kind of artifact")
    inputs: dict[str, Any] = Field(default_factory=dict, description="the recipe's own parameters")
    target: Annotated[StrictInt, Field(ge=1, le=MAX_TARGET)] | None = Field(
        default=None, description="items; where absent the recipe derives it from its inputs"
    )
    model: ModelChoice = ModelChoice()
    batching: Batching = Batching()
    retry: Retry = Retry()
    on_failure: Literal["skip", "stop"] = Field(
        default="skip", description="what happens when a slot gives up: go on without it, or stop the run"
    )
    output: Output = Output()


__all__ = ["MAX_TARGET", "Batching", "ModelChoice", "Output", "Part", "Request", "Retry"]
