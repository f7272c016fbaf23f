"""Logs go to standard error: standard output is for results."""

import logging
import sys

from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter


def configure() -> None:
    """Forward the SDK core's log, which goes to standard output by itself, and keep libraries quiet."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # Retried calls are Temporal's business and shown in the Web UI: no traceback in a watching terminal for each.
    logging.getLogger("temporalio").setLevel(logging.ERROR)
    logging.getLogger("temporalio.activity").setLevel(logging.CRITICAL)
    forwarding = LogForwardingConfig(logger=logging.getLogger("temporal.core"))
    kept = LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR"), forwarding=forwarding)
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=kept)), error_if_already_set=False)
