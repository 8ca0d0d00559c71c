"""The Dockerfile, carried out without an engine: its steps in a directory, its program as its user."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from tests.support.confinement import BWRAP, interpreter

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
SHIMS = "/opt/shims"


class Instruction(Struct, frozen=True):
    """One line of a Dockerfile, continuations joined."""

    stage: int
    name: str
    arguments: str


def instructions() -> list[Instruction]:
    """All of them, in order."""
    return list(_read(re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)))


def _read(text: str) -> Iterator[Instruction]:
    stage = -1
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if line:
            name, _, arguments = line.partition(" ")
            stage += name == "FROM"
            yield Instruction(stage, name, arguments)


def _is_the_machines(path: Path) -> bool:
    return path.name not in {"dev", "opt", "src", "tmp", "var"} and (path.is_dir() or path.is_symlink())


def of(name: str, stage: int = 1) -> list[str]:
    """The arguments of all instructions of that name in a stage; the last stage is what ships."""
    return [each.arguments for each in instructions() if (each.name, each.stage) == (name, stage)]


def words(arguments: str) -> list[str]:
    """An instruction's exec form."""
    found: list[str] = json.loads(arguments[arguments.index("[") :])
    return found


class Place(Struct, frozen=True):
    """Directories that stand for the image's own; everything else is this machine's, read-only."""

    root: Path

    def command(self, *command: str, directory: str, user: int, is_built: bool = False) -> list[str]:
        """What runs a command there; once it is built, with nothing to write but its volume, and offline."""
        sandbox = [BWRAP, "--unshare-user", "--uid", str(user), "--gid", str(user), "--die-with-parent"]
        for path in filter(_is_the_machines, sorted(Path("/").iterdir())):
            sandbox += (
                ["--symlink", str(path.readlink()), str(path)]
                if path.is_symlink()
                else ["--ro-bind", str(path), str(path)]
            )
        (self.root / "var/lib/gateway").mkdir(parents=True, exist_ok=True)
        for name in ("opt", "src", "var/lib"):
            (self.root / name).mkdir(exist_ok=True)
            is_writable = name == "var/lib" or not is_built
            sandbox += ["--bind" if is_writable else "--ro-bind", str(self.root / name), f"/{name}"]
        sandbox += ["--dev", "/dev", "--tmpfs", "/tmp", "--remount-ro", "/"]  # noqa: S108 - the sandbox's own
        sandbox += ["--unshare-net"] if is_built else []
        return [*sandbox, "--setenv", "PATH", f"{SHIMS}:/usr/bin:/bin", "--chdir", directory, "--", *command]

    def build(self) -> None:
        """Carry out the first stage: COPY and RUN, word for word. Raises CalledProcessError."""
        directory = "/"
        self._put_shims()
        for step in instructions():
            if step.stage == 0 and step.name == "WORKDIR":
                directory = step.arguments
            if step.stage == 0 and step.name == "COPY":
                self._copy(directory, *step.arguments.split())
            if step.stage == 0 and step.name == "RUN":
                command = self.command("sh", "-ec", step.arguments, directory=directory, user=0)
                subprocess.run(command, check=True)  # noqa: S603 - the Dockerfile's

    def _put_shims(self) -> None:
        """`python` and `pip` as the official image has them on its path."""
        shims = self.root / SHIMS[1:]
        shims.mkdir(parents=True)
        *_, python = interpreter()
        for name, arguments in (("python", ""), ("pip", "-m pip --disable-pip-version-check --quiet")):
            (shims / name).write_text(f'#!/bin/sh\nexec {python} {arguments} "$@"\n')
            (shims / name).chmod(0o755)

    def _copy(self, directory: str, *arguments: str) -> None:
        *sources, target = arguments
        to = self.root / directory[1:] / target
        for source in (ROOT / each for each in sources):
            if source.is_dir():
                shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, to / source.name if target.endswith("/") else to)
