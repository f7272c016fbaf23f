"""Workers inside the test's process, whose workflows run in the SDK's sandbox."""

from contextlib import AbstractAsyncContextManager
from typing import Any

from temporalio.client import Client
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from runtime.worker.host import HostedWorker, host_worker


class Sandbox(SandboxedWorkflowRunner):
    """The SDK's sandbox, which fails a workflow that reads the clock, random numbers or the disk.

    Only tests use it: it costs time, and what it finds are mistakes in Quire's own code."""

    def __init__(self) -> None:
        passthrough = ("quire", "pydantic", "pydantic_core", "annotated_types")
        super().__init__(restrictions=SandboxRestrictions.default.with_passthrough_modules(*passthrough))


def run_worker(client: Client, **options: Any) -> AbstractAsyncContextManager[HostedWorker]:
    """Run a worker in the sandbox for the length of the block; `options` are those of `host_worker`."""
    return host_worker(client, runner=Sandbox, **options)
