"""Logs go to standard error: standard output is for results."""

import logging
import sys

from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

CORE = "temporal.core"
_RETRY = f"{CORE}-sdk_core::temporalio_client::retry"
"""Who logs that a server is asked again and again."""


class _Lines(logging.Handler):
    """Looks standard error up at each line: those that come while a live screen is drawn go above it."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr, flush=True)


def configure() -> None:
    """Forward the SDK core's log, which goes to standard output by itself, and keep libraries quiet."""
    lines = _Lines()
    logging.basicConfig(handlers=[lines], level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # Retried calls are Temporal's business and shown in the Web UI: no traceback in a watching terminal for each.
    logging.getLogger("temporalio").setLevel(logging.ERROR)
    logging.getLogger("temporalio.activity").setLevel(logging.CRITICAL)
    forwarding = LogForwardingConfig(logger=logging.getLogger(CORE))
    kept = LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR"), forwarding=forwarding)
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=kept)), error_if_already_set=False)


def told_in_words() -> None:
    """A server that is away is told by who watches a run: not by the SDK, too, for each call that it makes again."""
    logging.getLogger(CORE).addFilter(lambda record: record.name != _RETRY)
