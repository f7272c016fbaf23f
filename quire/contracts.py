"""What workflows and activities say to each other: references and counts, never text."""

from pydantic import BaseModel

from quire.outcome import OpenSlot, Usage
from quire.progress import BatchCounts, FailedSlot, Result, Verdict
from quire.request import Request
from quire.slots import Batch

PLAN, GENERATE, ASSEMBLE, VERIFY = "plan", "generate", "assemble", "verify"
WORKFLOW = "GenerateArtifact"

FATAL = ("AuthenticationError", "PermissionDeniedError", "NotFoundError", "InsufficientQuota", "SetupError")
"""Failure types that no other batch can escape: the run stops at once instead of failing slot by slot."""


class Job(BaseModel):
    """Where a run's files are."""

    workflow_id: str
    store: str


class PlanInput(BaseModel):
    """A request to be laid out."""

    job: Job
    request: Request


class Planned(BaseModel):
    """A plan's counts; the slots themselves are in the store. Batch k holds the next `sizes[k]` slot numbers."""

    sizes: list[int]
    noun: str
    tokens_per_item: int
    reasoning: bool = False
    """A model that thinks first: its calls get 1.5 times the time limit."""
    warnings: list[str] = []
    search_attributes: bool = False
    """Whether the server knows Quire's search attributes: setting an unknown one would wedge the run."""


class GenerateInput(BaseModel):
    """One call of the model."""

    job: Job
    batch: Batch


class AssembleInput(BaseModel):
    """All that the artifact and the report say beyond the items."""

    job: Job
    planned_batches: int
    batches: BatchCounts
    rounds: int
    usage: Usage
    failed: list[OpenSlot]
    verdict: Verdict
    warnings: list[str]
    simulated: bool
    seconds: float


class Assembled(BaseModel):
    """What was bound."""

    artifact: str | None
    items: int
    failed_slots: list[FailedSlot]
    warnings: list[str]


class VerifyInput(BaseModel):
    """A result to be checked against the artifact that it names, and to be reported."""

    job: Job
    result: Result


class Verified(BaseModel):
    """What the check found: empty when all is well."""

    problems: list[str]
