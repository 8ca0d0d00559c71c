"""Virtual environments for the vendors' SDKs: their pins clash with one another and with ours."""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements" / "vendors"
BUILD = REQUIREMENTS / "build.txt"


class InstallationError(Exception):
    """A vendor's SDK cannot be installed on this machine; the message is the installer's."""


def python_of(vendor: str) -> Path:
    """The interpreter that has this vendor's SDK, as pinned; makes its environment if it is not there.

    Raises InstallationError.
    """
    directory = ROOT / ".venv" / "vendors" / vendor
    python, stamp = directory / "bin" / "python", directory / "stamp"
    requirements = REQUIREMENTS / f"{vendor}.txt"
    wanted = _fingerprint(requirements)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run of the tests may be at it
        if not stamp.exists() or stamp.read_text() != wanted:
            _make(directory, python, requirements)
            stamp.write_text(wanted)
    return python


def _fingerprint(requirements: Path) -> str:
    return hashlib.sha256(sys.version.encode() + BUILD.read_bytes() + requirements.read_bytes()).hexdigest()


def _make(directory: Path, python: Path, requirements: Path) -> None:
    _run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(directory))
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--require-hashes")
    _run(*pip, "--requirement", str(BUILD))
    # Some packages have no wheel: they are built with what was just installed, and with nothing unpinned.
    _run(*pip, "--no-build-isolation", "--requirement", str(requirements))


def _run(*command: str) -> None:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode != 0:
        raise InstallationError(done.stderr.strip()[-500:])
