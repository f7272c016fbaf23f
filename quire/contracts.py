"""What workflows and activities say to each other: references and counts, never text."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, PlainSerializer

from quire.outcome import Outcome, Usage
from quire.packed_lists import After, Reasons, Sizes, runs, unrolled
from quire.progress import BatchCounts, BatchState, FailedSlot, Group, Result, Verdict
from quire.request import Format, Request
from quire.slots import Batch

PLAN, PREPARE, GENERATE, REVIEW, FALL_BACK = "plan", "prepare", "generate", "review", "fall_back"
GENERATE_SEVERAL = "generate_several"
DEDUPLICATE, EXTEND, ASSEMBLE, VERIFY = "deduplicate", "extend", "assemble", "verify"
LOG = "log"
WORKFLOW, SHARD = "GenerateArtifact", "GenerateShard"
SHARD_REPORT = "shard_report"
"""The signal by which a shard tells the run how far it is."""
RATES, LEASE = "Rates", "lease"
"""The workflow that keeps an endpoint's rates, and its update."""

FATAL = ("NotFoundError",)
"""Failure types that no other batch can escape: the run stops at once instead of failing slot by slot."""
MENDABLE = ("AuthenticationError", "PermissionDeniedError", "InsufficientQuota", "SetupError", "UnusableEndpoint")
"""Failure types that a person can mend from outside: the run pauses, says what to do, and goes on when resumed."""
ASLEEP = "QuotaSpent"
"""A quota that resets at a time that the failure's first detail tells, in seconds since 1970: the run sleeps."""
TURN = "AwaitsItsTurn"
"""A call that an endpoint's rates leave no room for yet; it comes again."""
DIVISIBLE = ("BadRequestError", "UnprocessableEntityError", "ContextExceeded")
"""Failure types that may be one slot's doing: the batch is halved until the bad slot stands alone."""


class Job(BaseModel):
    """Where a run's files are."""

    workflow_id: str
    store: str


class PlanInput(BaseModel):
    """A request to be laid out."""

    job: Job
    request: Request
    take_over: bool = False
    """Go on with what an ended run of this id left in the store; only its open slots are to be made."""
    more: int = 0
    """Slots to be added to those of the run that is taken over."""


class Planned(BaseModel):
    """A plan's counts; the slots themselves are in the store. Batch k holds the next `sizes[k]` slot numbers."""

    sizes: Sizes
    noun: str
    request: Request | None = None
    """The request with the recipe's defaults laid under it: what the run goes by from here."""
    after: After = []
    """Lanes: batch k starts when batch `after[k - 1]` is done; 0 is at once. Empty: all side by side."""
    reach: int = 1
    """How many earlier batches of its lane a batch reads; 0 is all."""
    groups: list[Group] = []
    group_word: str = ""
    preparations: list[str] = []
    """Calls of the planning model that go before the batches, by key."""
    reviewed: bool = False
    """Whether `model` judges what `worker_model` made."""
    resize: bool = False
    """Whether batches not yet sent shrink to what an answer turns out to have room for."""
    tokens_per_item: int
    prompt_tokens: int = 0
    """Of one call, by estimate."""
    usd_per_token: float | None = None
    """In and out mixed, by list price and estimate; only where there is a budget of it."""
    taken_over: "TakenOver | None" = None
    reasoning: bool = False
    """A model that thinks first: its calls get 1.5 times the time limit."""
    warnings: list[str] = []
    search_attributes: bool = False
    """Whether the server knows Quire's search attributes: setting an unknown one would wedge the run."""


class TakenOver(BaseModel):
    """What an ended run left: which slots are open, and what it had counted."""

    open: list[tuple[int, int]]
    """First and last of each range of open slots."""
    label: str
    """Goes into the names of this run's batches, so that they are new."""
    checks: int = 0
    """Rounds of the duplicate check that are in the store."""
    files: dict[int, list[str]] = {}
    """In lanes: the batches that filled slots, by planned batch."""
    usage: Usage = Usage()
    models: dict[str, Usage] = {}
    rounds: int = 1
    duplicates_rejected: int = 0
    fallbacks: int = 0


class ExtendInput(BaseModel):
    """A plan to be made longer by so many slots."""

    job: Job
    more: int


class Extended(BaseModel):
    """What is added to a plan: batches of the new slots, and all groups as they are now."""

    sizes: Sizes
    after: After
    groups: list[Group] = []


class GenerateInput(BaseModel):
    """One call of the model."""

    job: Job
    batch: Batch
    before: list[str] = []
    """Earlier batches of the lane, whose items it reads."""
    hedge: bool = False
    """A second call of a batch whose first one is slow."""


class GenerateSeveralInput(BaseModel):
    """Calls of the model that are made in one activity."""

    job: Job
    calls: list[GenerateInput]
    places: int
    """How many of them are in flight at a time."""
    behind: str = ""
    """The activity whose places these calls take over, each as it comes free. It must be in the same worker, and not
    take long."""
    seconds: float = 3600.0
    """No call is begun when so many have passed since the first was."""


class Several(BaseModel):
    """What those came to that gave an answer."""

    outcomes: list[Outcome]
    failed: bool = True
    """Whether a call gave none, which is why others were not begun: then these are to be sent one by one."""
    worker: str = ""
    """Who made them: another name for each worker."""


class PrepareInput(BaseModel):
    """One call of the planning model."""

    job: Job
    key: str


class ReviewInput(BaseModel):
    """What a batch made, to be judged."""

    job: Job
    batch: Batch
    filled: list[int]


class FallBackInput(BaseModel):
    """Slots that gave up, to be filled from the recipe's templates as batch `name`."""

    job: Job
    name: str
    slots: list[int]
    before: list[str] = []


class DeduplicateInput(BaseModel):
    """One look for twins among the items that are there; `round` counts from 1."""

    job: Job
    round: int
    final: bool
    """No further round: what is rejected now stays out."""


class Twin(BaseModel):
    """A slot whose item was rejected, and the key of the slot that has the same."""

    slot: int
    of: str


class Deduplicated(BaseModel):
    """The twins of one round, in slot order."""

    rejected: list[Twin]
    kept: list[int] = []
    """Slots that stay filled with their least similar candidate, in the last round."""
    looked_at: int = 0
    """Items that were compared with the others in this round."""
    usage: Usage = Usage()
    model: str = ""
    """Who made the vectors."""
    simulated: bool = False


class AssembleInput(BaseModel):
    """All that the artifact and the report say beyond the items."""

    job: Job
    planned_batches: int
    batches: BatchCounts
    rounds: int
    usage: Usage
    failed: Reasons
    verdict: Verdict
    warnings: list[str]
    simulated: bool
    seconds: float
    started: str | None = None


class Assembled(BaseModel):
    """What was bound."""

    artifact: str | None
    artifacts: dict[Format, str] = {}
    items: int
    failed_slots: list[FailedSlot]
    warnings: list[str]


class VerifyInput(BaseModel):
    """A result to be checked against the artifact that it names, and to be reported."""

    job: Job
    result: Result
    batch_states: Annotated[list[BatchState], PlainSerializer(runs), BeforeValidator(unrolled)] = []
    batch_usage: dict[int, Usage] = {}
    """What the calls of each planned batch took, by number; only of runs that are not too large to count it."""


class Verified(BaseModel):
    """What the check found: empty when all is well."""

    problems: list[str]


class LogInput(BaseModel):
    """How far a run is, to be logged to MLflow with the batches that are there and not logged yet."""

    job: Job
    figures: dict[str, float]
    """Metrics of the whole run."""
    target: int
    """Slots of the plan."""
    step: int
    """Batches done: the metrics' step."""
    at: float
    """When it was so far, in seconds since 1970: told again after a crash, it is the same point."""
    verdict: Verdict | None = None
    """How it ended: the last that is logged."""


class Logged(BaseModel):
    """What MLflow has."""

    address: str
    """Of the run's page."""
    warnings: list[str] = []
