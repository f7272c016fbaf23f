"""What clients and workers send to the Temporal server: the data converter that lets no known secret through."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import PydanticPayloadConverter, pydantic_data_converter
from temporalio.converter import DefaultFailureConverter, PayloadConverter

from activities.known_secrets import current_redactor


class RedactingPayloadConverter(PydanticPayloadConverter):
    """Replaces secrets in every payload: inputs, results, heartbeats, details of failures, answers to queries, memos.

    It does so while a value is encoded, not as a codec, which would let the event loop wait for each payload once more.
    """

    def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
        """Return the payloads of the values, without secrets."""
        payloads = super().to_payloads(values)
        redactor = current_redactor()
        for payload in payloads:
            data = payload.data
            if (redacted := redactor.redact_bytes(data)) is not data:
                payload.data = redacted
        return payloads


class RedactingFailureConverter(DefaultFailureConverter):
    """Replaces secrets in the messages and stack traces of failures and of their causes."""

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        """Fill in a failure, without secrets. The details of failures are payloads."""
        super().to_failure(exception, payload_converter, failure)
        redactor = current_redactor()
        link: Failure | None = failure
        while link is not None:
            link.message = redactor.redact_text(link.message)
            link.stack_trace = redactor.redact_text(link.stack_trace)
            link = link.cause if link.HasField("cause") else None


DATA_CONVERTER = replace(
    pydantic_data_converter,
    payload_converter_class=RedactingPayloadConverter,
    failure_converter_class=RedactingFailureConverter,
)
