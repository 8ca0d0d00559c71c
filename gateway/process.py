"""What any process of the gateway asks of the system around it, at its start and at its end."""

import logging
import os
import resource
import sys

from gateway.config import Config
from gateway.errors import ConfigError
from gateway.exit_code import ExitCode

log = logging.getLogger(__name__)

SPARE_DESCRIPTORS = 64
"""For listeners, the administration interface, logs, dead letters and spill."""


def raise_descriptor_limit(config: Config) -> None:
    """Let the process open as many files as it may: producers' connections must not take the bus's."""
    wanted = 2 * config.receiver.max_connections + SPARE_DESCRIPTORS
    wanted += sum(destination.delivery.max_in_flight for destination in config.destinations.values())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
        except (OSError, ValueError):  # a sandbox may forbid what the limits allow
            most = soft
        if most < wanted:
            log.warning("the limit of open files is low for receiver.max_connections", extra={
                "limit": most, "wanted": wanted})  # fmt: skip


def refuse(error: ConfigError) -> ExitCode:
    """Say every fault on standard error, one a line."""
    sys.stderr.writelines(f"{fault}\n" for fault in error.faults)
    return ExitCode.BAD_USAGE


def end_at_once(code: ExitCode) -> None:
    """End though a thread is stuck in the file system: the interpreter would wait for it."""
    logging.shutdown()
    os._exit(code)
