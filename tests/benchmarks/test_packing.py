"""The bound that packing is measured against: below every packing, and above what count and volume say."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.micro.mixes import ADVERSARIAL, REALISTIC, Mix, RequestLimits
from benchmarks.packing.aims import Aim
from benchmarks.packing.bound import RESOLUTION, Bound, Group, group, lp_bound, weight
from benchmarks.packing.quality import Packing, is_valid, packed, ratio_lines, rows
from gateway.pipeline.pack import lower_bound, next_fit
from tests.pipeline.optimum import optimum

AWS = RequestLimits(10, 256 << 10)


def bound(sizes: Sequence[int], limits: RequestLimits) -> Bound:
    """The LP bound, from a packing that leaves it everything to prove."""
    max_entries, max_bytes = limits
    return lp_bound(sizes, limits, next_fit(sizes, max_entries=max_entries, max_bytes=max_bytes))


@st.composite
def instances(draw: st.DrawFn) -> tuple[list[int], RequestLimits]:
    """Few entries, with limits small enough for both to bind."""
    max_bytes = draw(st.sampled_from((12, 100, 100_000)))
    edge = min(2, max_bytes // 6)
    near = st.sampled_from((2, 3)).flatmap(
        lambda part: st.integers(max_bytes // part - edge, max_bytes // part + edge)
    )
    sizes = draw(st.lists(st.integers(0, max_bytes) | near, max_size=8))
    return sizes, RequestLimits(draw(st.integers(1, 5)), max_bytes)


@given(instances())
@settings(max_examples=60)
def test_the_bound_lies_between_the_simple_one_and_the_optimum(
    instance: tuple[list[int], RequestLimits],
) -> None:
    """For up to eight entries, against every packing there is."""
    sizes, limits = instance
    found = bound(sizes, limits).batches
    simple = lower_bound(sorted(sizes), max_entries=limits.max_entries, max_bytes=limits.max_bytes)
    assert simple <= found <= optimum(sizes, limits)


@pytest.mark.parametrize(
    ("sizes", "limits", "simple", "expected"),
    [
        ([35] * 10, RequestLimits(10, 100), 4, 5),
        ([34] * 30, RequestLimits(10, 100), 11, 15),
        ([26] * 12, RequestLimits(10, 100), 4, 4),
        ([40, 40, 31, 31, 31, 31], RequestLimits(2, 100), 3, 3),
        ([51, 51, 45, 45, 27, 27, 27, 27], RequestLimits(10, 100), 3, 4),
        ([2, 2, 3, 3, 3, 3, 3, 3, 3, 3] * 10, RequestLimits(10, 7), 40, 45),
    ],
    ids=["above a third", "two by two", "three by three", "count", "a known trap", "a pair and a rest"],
)
def test_the_bound_sees_what_count_and_volume_do_not(
    sizes: list[int], limits: RequestLimits, simple: int, expected: int
) -> None:
    """Instances whose optimum is known by hand: the LP reaches it."""
    found = bound(sizes, limits)
    assert (found.simple, found.batches) == (simple, expected)


@pytest.mark.parametrize("mix", [REALISTIC["bimodal 20 %"], ADVERSARIAL["thirds"]])
def test_with_more_sizes_than_groups_the_bound_is_still_raised_and_below_a_packing(mix: Mix) -> None:
    """A thousand entries: rounding costs little of what the LP finds."""
    rng = Random(3)  # noqa: S311 - sizes for tests, no secrets
    found = packed("mix", "aws", mix(rng, 1_000, AWS), AWS)
    assert found.is_valid
    assert found.bound.simple < found.bound.batches <= found.batches <= found.in_order
    assert not found.bound.is_exhausted


@given(st.lists(st.integers(0, 1 << 18), min_size=1, max_size=12), st.sampled_from((RESOLUTION, 20, 7)))
def test_what_fits_by_size_fits_by_weight(parts: list[int], capacity: int) -> None:
    """Whole requests of any composition: rounding never takes a packing away."""
    assert sum(weight(part, capacity, max(1, sum(parts))) for part in parts) <= capacity


@pytest.mark.parametrize("share", [2, 3, 5, 7])
def test_a_byte_over_an_even_share_is_over_it_by_weight(share: int) -> None:
    """So knife-edge mixes are seen, although a part is 28 bytes."""
    assert share * weight((256 << 10) // share + 1, RESOLUTION, 256 << 10) > RESOLUTION


def test_groups_are_as_small_as_their_smallest_and_lose_no_entry() -> None:
    """A hundred sizes in at most ten groups: none is rounded up, or the bound would be none."""
    weights = list(range(1, 101))
    groups = group(weights, 10)
    assert len(groups) <= 10
    assert sum(each.entries for each in groups) == 100
    ends = [each.weight for each in groups[1:]] + [101]
    assert [each.weight + each.entries for each in groups] == ends


def test_few_sizes_are_groups_of_their_own() -> None:
    """Then nothing is lost to rounding."""
    assert group([5, 3, 5], 10) == [Group(3, 1), Group(5, 2)]


def test_a_packing_that_drops_doubles_or_overfills_is_invalid() -> None:
    """The benchmark looks at each one that it counts."""
    limits = RequestLimits(2, 10)
    assert is_valid([[0, 1], [2]], [4, 6, 7], limits)
    assert not is_valid([[0, 1]], [4, 6, 7], limits)
    assert not is_valid([[0, 1], [1, 2]], [4, 6, 1], limits)
    assert not is_valid([[0, 1], [2]], [5, 6, 7], limits)
    assert not is_valid([[0, 1, 2]], [1, 1, 1], limits)


def test_the_summary_names_the_worst_mix_and_its_mean() -> None:
    """The mean is over packings, the worst over mixes on a bus."""
    found = rows(
        [
            Packing(
                mix=mix,
                bus="aws",
                entries=40,
                batches=batches,
                in_order=12,
                bound=Bound(10, 10, is_exhausted=False),
                is_valid=True,
            )
            for mix, batches in (("mild", 10), ("mild", 10), ("harsh", 12), ("harsh", 10))
        ]
    )
    mean, worst = ratio_lines(found, (Aim("mean", 1.01, 1.005), Aim("worst", 1.2, 1.1)))
    assert mean.split()[1:] == ["1.0500", "1.01", "1.005", "NOT", "MET"]
    assert worst.split()[1:] == ["1.1000", "1.2", "1.1", "good", "(harsh,", "aws)"]
