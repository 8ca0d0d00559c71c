"""The rules for Prometheus, as its own tool and our README see them."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.prometheus import MISSING, PROMTOOL, RULES

ROOT = RULES.parents[1]
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason=MISSING)


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert PROMTOOL is not None
    command = [PROMTOOL, *arguments]
    return subprocess.run(command, cwd=RULES, capture_output=True, text=True, check=False)  # noqa: S603 - ours


def alerts() -> dict[str, dict[str, str]]:
    """The annotations of each alert."""
    groups = [yaml.safe_load((RULES / name).read_text())["groups"] for name in ("alerts.yml", "slo.yml")]
    rules = [rule for (group,) in groups for rule in group["rules"]]
    return {rule["alert"]: rule["annotations"] for rule in rules if "alert" in rule}


def anchors(document: Path) -> set[str]:
    """Of its headings, as they are linked to."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "--lint-fatal", "alerts.yml", "slo.yml"),
        ("test", "rules", "tests.yml"),
    ],
)
def test_promtool_finds_nothing_wrong_with_the_rules_and_their_tests(arguments: tuple[str, ...]) -> None:
    """Syntax, lint, and each alert firing and not firing on made-up series."""
    done = promtool(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_shown_firing_by_a_test() -> None:
    """A rule without one is a guess."""
    tests = (RULES / "tests.yml").read_text(encoding="utf-8")
    assert [name for name in alerts() if f'alertname="{name}"' not in tests] == []


def test_every_alert_says_what_it_means_and_where_to_read_on() -> None:
    """The section that it names exists."""
    for name, annotations in alerts().items():
        assert annotations.keys() == {"summary", "description", "runbook"}, name
        document, _, anchor = annotations["runbook"].partition("#")
        assert anchor in anchors(ROOT / document), name
