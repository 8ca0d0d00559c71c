"""The image: linted, and its steps carried out here as far as that goes without an engine."""

import os
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.deploy.image import DOCKERFILE, ROOT, Place, of, words
from tests.support.confinement import refusal

HADOLINT = shutil.which("hadolint", path=f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}")
REFUSAL = refusal()

CONFIGURATION = """
[destinations.local]
type = "file"
"""

LIFE = """
set -u
{health} 2>/dev/null && exit 10
{entry} &
gateway=$!
until {health} 2>/dev/null; do kill -0 $gateway || exit 11; done
touch /opt/gateway/forbidden 2>/dev/null && exit 12
kill -TERM $gateway
wait $gateway
"""
"""Not healthy before it runs, healthy when it does, and gone with exit code 0 when it is told to."""


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is missing (of the extra `test`)")
def test_hadolint_finds_nothing_wrong_with_the_dockerfile() -> None:
    """Its default rules, none of them ignored."""
    assert HADOLINT is not None
    command = [HADOLINT, "--no-color", str(DOCKERFILE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - of our environment
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.skipif(bool(REFUSAL), reason=REFUSAL)
def test_the_steps_of_the_image_make_a_gateway_that_its_user_can_run(tmp_path: Path) -> None:
    """Built by the very commands; run by the very user, read-only, watched by the very health check."""
    place = Place(tmp_path)
    place.build()
    (tmp_path / "var/lib/gateway/gateway.toml").write_text(CONFIGURATION)
    (entry,), (health,), (directory,) = of("ENTRYPOINT"), of("HEALTHCHECK"), of("WORKDIR")
    life = LIFE.format(
        health=shlex.join(words(health)),
        entry=shlex.join([*words(entry), "run", "--config", "gateway.toml"]),
    )
    command = place.command("sh", "-c", life, directory=directory, user=int(of("USER")[0]), is_built=True)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stderr


def test_the_image_takes_nothing_along_that_it_does_not_copy() -> None:
    """The context is a list of what is allowed: no `.git`, no environment, no tests."""
    lines = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    copied = {source for arguments in of("COPY", stage=0) for source in arguments.split()[:-1]}
    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == copied


def test_the_command_of_the_image_is_one_that_the_program_has() -> None:
    """Its configuration is where the manifests mount it."""
    (command,) = of("CMD")
    assert words(command) == ["run", "--config", "/etc/gateway/gateway.toml"]
