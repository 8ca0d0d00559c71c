"""What any process of the gateway asks of the system around it, at its start and at its end."""

import logging
import os
import resource
import sys
from pathlib import Path

from gateway.config import Config
from gateway.errors import ConfigError
from gateway.exit_code import ExitCode
from gateway.snapshots import ProcessStatistics

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


def process_statistics(*, started_at: float) -> ProcessStatistics:
    """What this process, which began at that wall-clock time, has of the machine (proc(5), getrusage(2))."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    virtual_pages, resident_pages, descriptors = 0, 0, 0
    try:
        virtual_pages, resident_pages = map(int, Path("/proc/self/statm").read_bytes().split()[:2])
        descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough, and there may be many
    except OSError:
        pass  # not Linux, or no descriptor is left to look with
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    page_bytes = resource.getpagesize()
    return ProcessStatistics(
        cpu_seconds=used.ru_utime + used.ru_stime,
        resident_bytes=resident_pages * page_bytes,
        virtual_bytes=virtual_pages * page_bytes,
        open_descriptors=descriptors,
        max_descriptors=max(soft, 0),
        started_at=started_at,
    )


def refuse(error: ConfigError) -> ExitCode:
    """Say every fault on standard error, one a line."""
    sys.stderr.writelines(f"{fault}\n" for fault in error.faults)
    return ExitCode.BAD_USAGE


def end_at_once(code: ExitCode) -> None:
    """End though a thread is stuck in the file system: the interpreter would wait for it."""
    logging.shutdown()
    os._exit(code)
