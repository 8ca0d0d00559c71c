"""A gateway in a sandbox (bubblewrap): no rights, shell or home, and nothing to write to but what is named.

The sandbox has the machine's file system and loopback, and hides only what must be proven not to be needed.
"""

import asyncio
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.support.process import (
    EXIT_SECONDS,
    START_SECONDS,
    clean_environment,
    toml,
    with_free_ports,
)

BWRAP = shutil.which("bwrap") or "bwrap"

USER_ID = 52_731
"""Of nobody: no line of /etc/passwd has it."""

PROGRAMS = sorted(
    {Path(path).resolve() for path in ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin")}
)
"""Where a system keeps its shells; empty in the sandbox, but for the interpreter if it lives there."""


def refusal() -> str:
    """Why this machine cannot make the sandbox; nothing if it can."""
    try:
        done = subprocess.run([*sandbox([]), sys.executable, "-c", ""], capture_output=True, check=False)  # noqa: S603 - our own command
    except FileNotFoundError:
        return "bwrap is missing (Debian package bubblewrap)"
    return f"no sandbox here: {done.stderr.decode().strip()}" if done.returncode else ""


def sandbox(writable: Sequence[Path]) -> list[str]:
    """The command that runs another one there; loopback is the machine's."""
    command = [BWRAP, "--unshare-user", "--uid", str(USER_ID), "--gid", str(USER_ID), "--cap-drop", "ALL"]
    command += ["--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev"]
    for directory in PROGRAMS:
        command += ["--tmpfs", str(directory)]
    for link in interpreter():
        if link.parent.resolve() in PROGRAMS:
            command += ["--ro-bind", sys.executable, str(link)]
    for directory in (Path("/dev"), *PROGRAMS):
        command += ["--remount-ro", str(directory)]
    for directory in writable:
        command += ["--bind", str(directory), str(directory)]
    return command


def interpreter() -> Iterator[Path]:
    """The running interpreter under each of its names: link by link from the environment's to the file."""
    path = Path(sys.executable)
    yield path
    while path.is_symlink():
        path = path.parent / path.readlink()
        yield path


class ConfinedGateway:
    """`gateway run` in the sandbox, in `directory`, that it cannot write either. `async with` it."""

    def __init__(
        self,
        directory: Path,
        document: Mapping[str, Any],
        *,
        writable: Sequence[Path],
        environment: Mapping[str, str],
    ) -> None:
        self._directory = directory
        self._writable = writable
        inherited = {name: value for name, value in clean_environment().items() if name != "HOME"}
        self._environment = {**inherited, "TMPDIR": "/tmp", **environment}  # noqa: S108 - one that it cannot use
        self._config = directory / "gateway.toml"
        self._config.write_text(toml(with_free_ports(document)))
        self.log: list[dict[str, Any]] = []
        self.text = ""
        """All that was logged, as it was logged."""

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *sandbox(self._writable), sys.executable, "-m", "gateway", "run", "--config", str(self._config),
            cwd=self._directory, env=self._environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stderr is not None
        self._lines = self._process.stderr
        async with asyncio.timeout(START_SECONDS):
            while "ready" not in self.messages():
                assert await self._read_line(), f"the gateway did not start: {self.text}"
        self._reader = asyncio.create_task(self._read_log())
        (self.pid,) = children(self._process.pid)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()  # the gateway dies with its sandbox
        await self._process.wait()
        await self._reader

    @property
    def url(self) -> str:
        """The receiver's first listener."""
        return str(next(line for line in self.log if line["message"] == "ready")["receiver"][0])

    @property
    def admin_url(self) -> str:
        """The administration's listener."""
        return str(next(line for line in self.log if line["message"] == "ready")["admin"])

    def messages(self) -> list[str]:
        """The messages logged so far."""
        return [line["message"] for line in self.log]

    async def terminate(self) -> int:
        """Send SIGTERM to the gateway; its exit code, once its log has ended too."""
        os.kill(self.pid, 15)
        async with asyncio.timeout(EXIT_SECONDS):
            code = await self._process.wait()
            await self._reader
        return code

    async def _read_log(self) -> None:
        while await self._read_line():
            pass

    async def _read_line(self) -> bool:
        line = (await self._lines.readline()).decode()
        self.text += line
        if line.startswith("{"):
            self.log.append(json.loads(line))
        return bool(line)


def children(pid: int) -> list[int]:
    """The processes that a process has started and that have not ended, whichever thread it was."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for each in lists for child in each.read_text().split()]


def writable_mounts(pid: int) -> set[Path]:
    """Where that process could write, apart from devices."""
    mounts: dict[Path, str] = {}
    for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
        _, _, _, _, point, options, *_ = line.split(" ")
        mounts[Path(point)] = options  # of several mounts on one point the last is seen
    return {
        point
        for point, options in mounts.items()
        if "rw" in options.split(",") and not point.is_relative_to("/dev")
    }


def files_written(pid: int) -> set[Path]:
    """The regular files that the process has open for writing, deleted ones and those in memory included."""
    found: set[Path] = set()
    for number in Path(f"/proc/{pid}/fd").iterdir():
        flags = next(
            line
            for line in Path(f"/proc/{pid}/fdinfo/{number.name}").read_text().splitlines()
            if "flags" in line
        )
        if int(flags.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY and stat.S_ISREG(number.stat().st_mode):
            found.add(number.readlink())
    return found


def programs(pid: int) -> set[str]:
    """What the process finds where a system keeps its programs."""
    return {program.name for path in PROGRAMS for program in Path(f"/proc/{pid}/root{path}").iterdir()}


def rights_of(pid: int) -> dict[str, str]:
    """The process's status as the kernel tells it: capabilities, whether it may gain any, and more."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def user_of(pid: int) -> int:
    """The only user that there is in the sandbox."""
    (line,) = Path(f"/proc/{pid}/uid_map").read_text().splitlines()
    return int(line.split()[0])


def variables_of(pid: int) -> set[str]:
    """The names in the process's environment."""
    entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return {entry.split(b"=")[0].decode() for entry in entries if entry}
