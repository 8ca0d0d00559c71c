"""The unit, as systemd's own tool judges it without running it."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.config import ShutdownConfig
from gateway.exit_code import ExitCode

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "gateway.service"
ANALYZE = shutil.which("systemd-analyze")
PROGRAM = "/opt/gateway/bin/gateway"
MOST_EXPOSED = "15"
"""In tenths, of 100: below 2 of 10 systemd calls a service `OK`, from 9.6 on `UNSAFE`."""

needs_systemd = pytest.mark.skipif(
    ANALYZE is None, reason="systemd-analyze is missing (Debian package systemd)"
)


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert ANALYZE is not None
    command = [ANALYZE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the system's


def settings() -> dict[str, str]:
    """The last value of each key."""
    return dict(re.findall(r"^(\w+)=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE))


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    """Of a copy whose program is one that this machine has."""
    text = UNIT.read_text(encoding="utf-8")
    assert text.count(f"ExecStart={PROGRAM} ") == 1
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace(PROGRAM, "/bin/true"))
    done = analyze("verify", "--recursive-errors=no", "--man=no", str(copy))
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


@needs_systemd
def test_the_unit_is_hardened() -> None:
    """What is left open is what it needs: the network, Unix sockets, the host's file system to read."""
    done = analyze("security", "--offline=true", "--json=short", f"--threshold={MOST_EXPOSED}", str(UNIT))
    assert done.returncode == 0, [each for each in json.loads(done.stdout) if each["exposure"]]


def test_the_unit_leaves_time_to_drain() -> None:
    """More than the default deadline, which is a third of systemd's own patience."""
    assert int(settings()["TimeoutStopSec"]) > ShutdownConfig().deadline + 10


def test_a_wrong_configuration_is_not_started_again_and_again() -> None:
    """The exit code says that nothing will have changed."""
    assert int(settings()["RestartPreventExitStatus"]) == ExitCode.BAD_USAGE
