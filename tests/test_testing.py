"""The pytest plug-in as a user's own tests have it."""

import pytest

pytest_plugins = ["pytester"]

CONFTEST = 'pytest_plugins = ["gateway.testing"]'
TESTS = """
import aiohttp
import pytest

async def received(bus):
    async with aiohttp.ClientSession() as client, client.get(f"{bus.url}/_emulator/events") as answer:
        return await answer.json()

@pytest.mark.asyncio
async def test_it_listens_on_loopback(emulated_aws):
    assert emulated_aws.url.startswith("http://127.0.0.1:")
    assert await received(emulated_aws) == []

@pytest.mark.asyncio
async def test_each_is_a_bus_of_its_own(emulated_aws, emulated_alibaba, emulated_huawei):
    buses = (emulated_aws, emulated_alibaba, emulated_huawei)
    assert len({bus.url for bus in buses}) == 3
    assert [await received(bus) for bus in buses] == [[], [], []]
"""
INI = "[pytest]\nasyncio_default_fixture_loop_scope = function\n"
OPTIONS = ("-p", "no:cacheprovider", "-W", "error")


def test_every_bus_is_a_fixture(pytester: pytest.Pytester) -> None:
    """With one line in a conftest.py, whatever the mode of pytest-asyncio."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    pytester.makeini(INI)
    pytester.runpytest_subprocess(*OPTIONS).assert_outcomes(passed=2)
    pytester.runpytest_subprocess(*OPTIONS, "--asyncio-mode", "auto").assert_outcomes(passed=2)


def test_nobody_has_the_plug_in_unasked(pytester: pytest.Pytester) -> None:
    """Installing the gateway changes no test run."""
    pytester.makeini(INI)
    pytester.makepyfile("def test_it(emulated_aws):\n    pass\n")
    result = pytester.runpytest_subprocess(*OPTIONS)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'emulated_aws' not found"])
