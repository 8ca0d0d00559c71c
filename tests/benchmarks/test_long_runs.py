"""The long runs, made short: each starts, loads, fails the bus, and finds that nothing is lost."""

import pytest

from benchmarks import outage, soak


def test_a_short_outage_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """The bus is killed under load and started again; how fast all was back nobody judges here."""
    sizes = ("--before", "0.4", "--seconds", "0.4", "--after", "0.4", "--rate", "200")
    assert outage.main(sizes) == 0
    output = capsys.readouterr().out
    assert "the bus is killed" in output
    assert "full speed again" in output


def test_a_short_soak_accounts_for_every_event(capsys: pytest.CaptureFixture[str]) -> None:
    """A second of faults, and the end that follows them."""
    assert soak.main(("--minutes", "0.016", "--rate", "200")) == 0
    assert "accepted and lost" in capsys.readouterr().out
