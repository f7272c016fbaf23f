"""Logging to standard error; standard output is for results."""

import logging
import sys

from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from activities.known_secrets import redact_text
from runtime.text.wording import make_lines_printable

SDK_CORE_LOGGER = "temporal.core"
_RETRY_LOGGER = f"{SDK_CORE_LOGGER}-sdk_core::temporalio_client::retry"
"""The logger of the SDK core that reports each repeated request to the server."""


class _StderrHandler(logging.Handler):
    """Prints each record to the standard error of that moment, so that it appears above a live screen."""

    def emit(self, record: logging.LogRecord) -> None:
        print(make_lines_printable(redact_text(self.format(record))), file=sys.stderr, flush=True)


def configure_logging() -> None:
    """Send all logs to standard error, those of the SDK core included, and silence what libraries say in passing."""
    logging.basicConfig(
        handlers=[_StderrHandler()], level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    # Temporal retries failed calls and the Web UI shows them: no traceback of each in a terminal that watches the run
    logging.getLogger("temporalio").setLevel(logging.ERROR)
    logging.getLogger("temporalio.activity").setLevel(logging.CRITICAL)
    # without forwarding, the SDK core logs to standard output
    forwarding = LogForwardingConfig(logger=logging.getLogger(SDK_CORE_LOGGER))
    filter = TelemetryFilter(core_level="ERROR", other_level="ERROR")
    config = LoggingConfig(filter=filter, forwarding=forwarding)
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=config)), error_if_already_set=False)


def hide_retry_messages() -> None:
    """Drop the SDK core's line for each repeated request: while a run is watched, an unreachable server is reported
    once, by the watching."""
    logging.getLogger(SDK_CORE_LOGGER).addFilter(lambda record: record.name != _RETRY_LOGGER)
