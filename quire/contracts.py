"""Names and payloads that workflows and activities exchange: references and counts, never text."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, PlainSerializer

from quire.outcome import Outcome, Usage
from quire.packed_lists import After, Reasons, Sizes, run_length_decode, run_length_encode
from quire.progress import BatchCounts, BatchState, FailedSlot, Group, Result, Verdict
from quire.request import Format, Request
from quire.run_ids import check_id
from quire.slots import Batch

PLAN, PREPARE, GENERATE, REVIEW, FALL_BACK = "plan", "prepare", "generate", "review", "fall_back"
GENERATE_SEVERAL = "generate_several"
DEDUPLICATE, EXTEND, ASSEMBLE, VERIFY = "deduplicate", "extend", "assemble", "verify"
LOG = "log"
RUN_WORKFLOW, SHARD_WORKFLOW = "GenerateArtifact", "GenerateShard"
SHARD_REPORT_SIGNAL = "shard_report"
"""The signal by which a shard reports its progress to the run."""
RATE_KEEPER_WORKFLOW, LEASE_UPDATE = "Rates", "lease"
"""The workflow that keeps an endpoint's rate limits, and its update."""

FATAL_FAILURES = ("NotFoundError",)
"""Failure types that every batch would meet: the run stops at once instead of failing slot by slot."""
CALLED_ELSEWHERE = "CalledElsewhere"
"""The failure type of a call on a worker that is set up for another endpoint than the run: the call goes to the workers
of the task queue that is the failure's first detail."""
TIME_LIMIT_TOO_SHORT = "TimeLimitTooShort"
"""The failure type of a batch whose calls always exceed the time limit. Their usage is a detail of the failure."""
FIXABLE_FAILURES = (
    "AuthenticationError",
    "PermissionDeniedError",
    "InsufficientQuota",
    "SetupError",
    "UnusableEndpoint",
    TIME_LIMIT_TOO_SHORT,
    CALLED_ELSEWHERE,
)
"""Failure types that a person can fix from outside: the run pauses, says what to do, and continues when resumed."""
QUOTA_SPENT = "QuotaSpent"
"""The failure type of a spent quota that resets at a known time: the failure's first detail, in seconds since 1970. The
run sleeps until then."""
AWAITS_RATE_LIMIT = "AwaitsItsTurn"
"""The failure type of a call that the endpoint's rate limits leave no room for yet; the batch is requeued."""
INTERNAL_ERROR = "InternalError"
"""The failure type of an exception in our own code. Of a batch's call it divides the batch, since an answer may have
caused it; of work on the store the run waits: nothing that was generated may be lost to it."""
UNHEARD = "Unheard"
"""The failure type of calls that were sent and got no answer, in a run with a budget: they are counted as possibly paid
before the batch is sent again. Their usage is a detail of the failure."""
DIVISIBLE_FAILURES = ("BadRequestError", "UnprocessableEntityError", "ContextExceeded", INTERNAL_ERROR)
"""Failure types that a single slot may cause: the batch is halved until the bad slot stands alone."""


class Job(BaseModel):
    """The location of a run's files."""

    workflow_id: Annotated[str, AfterValidator(check_id)]
    store: str


class PlanInput(BaseModel):
    """Input of `plan`: the request to be laid out."""

    job: Job
    request: Request
    continue_earlier_run: bool = False
    """Keep what an ended run of this id left in the store, and generate only its open slots."""
    more_slots: int = 0
    """Slots to be added to those of the earlier run."""


class PlanResult(BaseModel):
    """A plan's counts; the slots themselves are in the store. Batch k holds the next `sizes[k]` slot numbers."""

    sizes: Sizes
    noun: str
    request: Request | None = None
    """The request completed by the recipe's defaults: the run uses it from here on."""
    after: After = []
    """Lanes: batch k starts when batch `after[k - 1]` is done, 0 for at once. An empty list means that no batch waits
    for another."""
    reach: int = 1
    """How many earlier batches of its lane a batch reads; 0 is all."""
    groups: list[Group] = []
    group_word: str = ""
    preparations: list[str] = []
    """Keys of the planning model's calls that precede the batches."""
    reviewed: bool = False
    """Whether `model` reviews what `worker_model` generated."""
    resize: bool = False
    """Whether batches not yet sent shrink to what fits into an answer, as measured during the run."""
    tokens_per_item: int
    prompt_tokens: int = 0
    """Estimated prompt tokens of one call."""
    usd_per_token: float | None = None
    """Estimated list price of a token, input and output blended; only set if there is a budget in USD."""
    earlier_run: "EarlierRun | None" = None
    reasoning: bool = False
    """Whether the model thinks first: its calls get 1.5 times the time limit."""
    warnings: list[str] = []
    search_attributes: bool = False
    """Whether the server knows Quire's search attributes: setting an unknown one would block the run for good."""


class EarlierRun(BaseModel):
    """What an ended run left: its open slots, and its counts."""

    open_ranges: list[tuple[int, int]]
    """First and last slot of each range of open slots."""
    label: str
    """A part of the names of this run's batches, so that no name is used twice."""
    duplicate_checks: int = 0
    """Rounds of the duplicate check that are in the store."""
    lane_files: dict[int, list[str]] = {}
    """In lanes: the batches that filled slots, by planned batch."""
    usage: Usage = Usage()
    models: dict[str, Usage] = {}
    rounds: int = 1
    duplicates_rejected: int = 0
    fallbacks: int = 0


class ExtendInput(BaseModel):
    """Input of `extend`: how many slots to add to the plan."""

    job: Job
    more_slots: int


class ExtendResult(BaseModel):
    """Additions to a plan: batches of the new slots, and all groups as they are now."""

    sizes: Sizes
    after: After
    groups: list[Group] = []


class GenerateInput(BaseModel):
    """Input of `generate`: one call of the model."""

    job: Job
    batch: Batch
    earlier_batches: list[str] = []
    """Earlier batches of the lane, whose items the prompt shows."""
    hedge: bool = False
    """Whether this is the second call of a batch whose first call is slow."""


class GenerateSeveralInput(BaseModel):
    """Input of `generate_several`: calls of the model that share an activity."""

    job: Job
    calls: list[GenerateInput]
    call_slots: int
    """How many of the calls are in flight at a time."""
    start_window: float = 3600.0
    """Seconds after the first call within which calls may start."""


class GenerateSeveralResult(BaseModel):
    """Outcomes of the answered calls; the workflow sends the other batches again."""

    outcomes: list[Outcome]
    failed: bool = False
    """Whether a call failed, so that no further call was started: the other batches then go one at a time."""
    unheard: Usage = Usage()
    """What the calls may have cost that ended without an answer after they were sent."""


class PrepareInput(BaseModel):
    """Input of `prepare`: one call of the planning model."""

    job: Job
    key: str


class ReviewInput(BaseModel):
    """Input of `review`: the slots that a batch filled."""

    job: Job
    batch: Batch
    filled: list[int]


class FallBackInput(BaseModel):
    """Input of `fall_back`: slots that the model did not fill, to be filled from templates as batch `name`."""

    job: Job
    name: str
    slots: list[int]
    earlier_batches: list[str] = []
    """Earlier batches of the lane, which templates may read."""


class DeduplicateInput(BaseModel):
    """Input of `deduplicate`: one round of the duplicate check; `round` counts from 1."""

    job: Job
    round: int
    final: bool
    """Whether no further round follows: what is rejected now is not generated again."""


class DuplicateOf(BaseModel):
    """A slot whose item was rejected, and the key of the slot whose item it duplicates."""

    slot: int
    of: str


class DeduplicateResult(BaseModel):
    """Duplicates found in one round, in slot order."""

    rejected: list[DuplicateOf]
    kept_duplicates: list[int] = []
    """Slots that keep their least similar candidate after the last round."""
    items_compared: int = 0
    """Items compared with the others in this round."""
    usage: Usage = Usage()
    model: str = ""
    """The model that made the embeddings."""
    simulated: bool = False


class AssembleInput(BaseModel):
    """Input of `assemble`: what the artifact and the report state in addition to the items."""

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
    """When the run began, as ISO 8601 in UTC."""


class AssembleResult(BaseModel):
    """The assembled artifact."""

    artifact: str | None
    artifacts: dict[Format, str] = {}
    items: int
    failed_slots: list[FailedSlot]
    warnings: list[str]


class VerifyInput(BaseModel):
    """Input of `verify`: a result to be checked against its artifact and written to the report."""

    job: Job
    result: Result
    batch_states: Annotated[
        list[BatchState], PlainSerializer(run_length_encode), BeforeValidator(run_length_decode)
    ] = []
    batch_usage: dict[int, Usage] = {}
    """Tokens and cost of each planned batch, by number; empty for runs too large to count them."""


class VerifyResult(BaseModel):
    """Problems that the check found; empty if there are none."""

    problems: list[str]


class LogInput(BaseModel):
    """Input of `log`: a run's progress, sent to MLflow together with the batches not logged yet."""

    job: Job
    metrics: dict[str, float]
    """Metrics of the whole run."""
    target: int
    """Slots of the plan."""
    step: int
    """Batches done: the metrics' step."""
    timestamp: float
    """When the run was this far, in seconds since 1970: logged again after a crash, it is the same point."""
    verdict: Verdict | None = None
    """How the run ended; set in the last log of a run."""


class LogResult(BaseModel):
    """What MLflow has of the run."""

    address: str
    """The address of the run's page."""
    warnings: list[str] = []
