"""The dice of every emulated bus: pure, with time as a number."""

from gateway.emulators.faults import (
    Decision,
    FailEntries,
    FaultInjector,
    Faults,
    Pass,
    Stall,
    Throttle,
    Unavailable,
)


def injector(faults: Faults, seed: int = 0) -> FaultInjector:
    made = FaultInjector(seed)
    made.faults = faults
    return made


def test_without_faults_nothing_goes_wrong() -> None:
    """Neither before any were set nor after they were taken away."""
    assert FaultInjector().decide(0.0) == injector(Faults()).decide(0.0) == Decision()


def test_the_rate_fills_up_again() -> None:
    """Two a second: two at once, then one each half second, and never more than two saved up."""
    faults = injector(Faults(max_requests_per_second=2))
    times = [0.0, 0.0, 0.0, 0.4, 0.5, 0.6, 1.0, 60.0, 60.0, 60.0]
    taken = [faults.decide(now).request is None for now in times]
    assert taken == [True, True, False, False, True, False, True, True, True, False]
    assert faults.struck == {"rate": 4}


def test_a_rate_below_one_takes_one_at_a_time() -> None:
    """One token is the least a bucket holds, or nothing would ever pass."""
    faults = injector(Faults(max_requests_per_second=0.1))
    assert [faults.decide(now).request is None for now in (0.0, 5.0, 10.0)] == [True, False, True]


def test_setting_faults_starts_their_script_and_fills_their_bucket() -> None:
    """Even if they are the same as before."""
    script = Faults(script=(Throttle(),), max_requests_per_second=1)
    faults = injector(script)
    first = [faults.decide(0.0).request for _ in range(2)]
    faults.faults = script
    assert first == [Throttle(), Throttle()]
    assert faults.struck == {"throttle": 1, "rate": 1}
    assert faults.remaining.script == (Throttle(),)
    assert faults.decide(0.0).request == Throttle()
    assert faults.remaining == Faults(max_requests_per_second=1)


def test_latency_lies_between_its_bounds() -> None:
    """Fixed part and jitter, on every request, whatever else goes wrong."""
    faults = injector(Faults(latency_seconds=1, latency_jitter_seconds=0.5, script=(Throttle(),)))
    latencies = [faults.decide(0.0).latency_seconds for _ in range(200)]
    assert all(1 <= latency <= 1.5 for latency in latencies)
    assert max(latencies) - min(latencies) > 0.4


def test_the_first_standing_fault_that_strikes_is_taken_with_every_entry_failure() -> None:
    """A request has one fate; entry failures come on top of it."""
    first, second = FailEntries(indexes=(0,)), FailEntries(code="ThrottlingException", indexes=(0, 1))
    standing = (first, Throttle(probability=0), Stall(), Unavailable(), second)
    faults = injector(Faults(standing=standing))
    decision = faults.decide(0.0)
    assert decision == Decision(Stall(), (first, second))
    assert faults.failed_entries(decision, 3) == {0: first, 1: second}


def test_a_step_of_a_script_may_have_a_probability() -> None:
    """It is spent either way."""
    faults = injector(Faults(script=(Throttle(probability=0), Pass(), Throttle())))
    assert [faults.decide(0.0).request for _ in range(3)] == [None, None, Throttle()]


def test_different_seeds_roll_differently() -> None:
    """And the same one the same."""
    coin = Faults(standing=(Throttle(probability=0.5),))
    rolls = [
        [faults.decide(0.0).request for _ in range(50)]
        for faults in (injector(coin, 1), injector(coin, 1), injector(coin, 2))
    ]
    assert rolls[0] == rolls[1] != rolls[2]
