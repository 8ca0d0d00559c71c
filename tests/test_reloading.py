"""Reloads, and what is told of the last one: a configuration that is refused must not go unseen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from gateway.config import Config
from gateway.config.change import Change
from gateway.config.source import ConfigSource
from gateway.config.watch import POLL_SECONDS
from gateway.errors import ConfigError
from gateway.reloading import UNFINISHED, Reloading
from tests.support.clock import on_virtual_clock, until
from tests.support.configuration import PLUGINS

GOOD = 'destinations.orders = {{ type = "bus", region = "eu-west-1", secret_key_file = "{secret}" }}\n'
BAD = 'flush.interval = "soon"\n'


class Desk:
    """A configuration's file, a secret, and a gateway that takes everything up; a clock moved by hand."""

    def __init__(self, directory: Path) -> None:
        self.now = 1_000.0
        self.failure: Exception | None = None
        """What goes wrong in the gateway at the next reload."""
        self.secret = directory / "secret"
        self.secret.write_text("old")
        self._path = directory / "gateway.toml"
        self.write(good=True)
        source = ConfigSource(self._path, environment={}, plugins=PLUGINS)
        source.load()
        source.keep()
        self.reloading = Reloading(source, self._apply, lambda: self.now)

    def write(self, *, good: bool) -> None:
        """Change the file."""
        text = GOOD.format(secret=self.secret)
        self._path.write_text(text if good else BAD + text)

    async def _apply(self, config: Config) -> Change:
        if self.failure is not None:
            raise self.failure
        return Change(config, (), ())

    async def reload(self, *, at: float) -> None:
        """At that moment; a refusal is expected where the file is bad."""
        self.now = at
        try:
            await self.reloading.reload()
        except ConfigError:
            assert not self.reloading.statistics().was_successful

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """While the gateway looks after its secrets."""
        watch = asyncio.create_task(self.reloading.watch())
        yield
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch

    def told(self) -> tuple[float, float, tuple[str, ...]]:
        """When the last reload was, when the last that was taken up, and the last one's faults."""
        last = self.reloading.statistics()
        return last.at, last.succeeded_at, last.faults


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A gateway that has just read its configuration, at second 1000."""
    return Desk(tmp_path)


def test_the_start_counts_as_a_reload_that_did_well(desk: Desk) -> None:
    """As for Prometheus itself: an alert on the metric needs no case of its own."""
    assert desk.told() == (1_000.0, 1_000.0, ())


@on_virtual_clock
async def test_a_refused_reload_is_told_until_one_is_taken_up(tmp_path: Path) -> None:
    """When it was, with every fault, and since when the configuration in use is."""
    desk = Desk(tmp_path)
    await desk.reload(at=1_010.0)
    desk.write(good=False)
    await desk.reload(at=1_020.0)
    at, succeeded_at, faults = desk.told()
    assert (at, succeeded_at) == (1_020.0, 1_010.0)
    assert [fault.partition(":")[0] for fault in faults] == ["flush.interval"]
    assert desk.reloading.status() == {
        "at": "1970-01-01T00:17:00+00:00",
        "successful": False,
        "faults": faults,
    }
    desk.write(good=True)
    await desk.reload(at=1_030.0)
    assert desk.told() == (1_030.0, 1_030.0, ())


@on_virtual_clock
async def test_a_new_secret_makes_no_bad_file_good(tmp_path: Path) -> None:
    """What is wrong with the file is still wrong, though the secret beside the former one is taken up."""
    desk = Desk(tmp_path)
    desk.write(good=False)
    await desk.reload(at=1_010.0)
    refused = desk.told()
    async with desk.watching():
        desk.secret.write_text("another")
        await until(2 * POLL_SECONDS)
    assert desk.told() == refused


@on_virtual_clock
async def test_a_secret_that_cannot_be_read_is_told_until_it_can(tmp_path: Path) -> None:
    """Nobody has asked for that reload, so nobody has a 422."""
    desk = Desk(tmp_path)
    async with desk.watching():
        desk.now = 1_010.0
        desk.secret.unlink()
        await until(1.5 * POLL_SECONDS)
        at, succeeded_at, faults = desk.told()
        assert (at, succeeded_at, len(faults)) == (1_010.0, 1_000.0, 1)
        desk.now = 1_020.0
        desk.secret.write_text("again")
        await until(2.5 * POLL_SECONDS)
    assert desk.told() == (1_020.0, 1_020.0, ())


@on_virtual_clock
async def test_a_bad_file_is_told_though_a_secret_went_and_came_back(tmp_path: Path) -> None:
    """While both are wrong both are told; mended is only what was read again."""
    desk = Desk(tmp_path)
    desk.write(good=False)
    await desk.reload(at=1_010.0)
    refused = desk.told()
    async with desk.watching():
        desk.now = 1_020.0
        desk.secret.unlink()
        await until(1.5 * POLL_SECONDS)
        at, succeeded_at, faults = desk.told()
        assert (at, succeeded_at) == (1_020.0, 1_000.0)
        keys = [fault.partition(":")[0] for fault in faults]
        assert keys == ["flush.interval", "destinations.orders.secret_key_file"]
        desk.now = 1_030.0
        desk.secret.write_text("again")
        await until(3.5 * POLL_SECONDS)
    assert desk.told() == refused
    assert not desk.reloading.statistics().was_successful


@on_virtual_clock
async def test_a_fault_that_both_readings_find_is_told_once(tmp_path: Path) -> None:
    """The file's reading reads the secrets too."""
    desk = Desk(tmp_path)
    async with desk.watching():
        desk.secret.unlink()
        await until(1.5 * POLL_SECONDS)
    _, _, faults = desk.told()
    await desk.reload(at=1_010.0)
    assert desk.told() == (1_010.0, 1_000.0, faults)
    assert len(faults) == 1


@on_virtual_clock
async def test_a_file_that_is_taken_up_makes_its_secrets_good_as_well(tmp_path: Path) -> None:
    """They were read with it."""
    desk = Desk(tmp_path)
    async with desk.watching():
        desk.secret.unlink()
        await until(1.5 * POLL_SECONDS)
    desk.secret.write_text("again")
    await desk.reload(at=1_010.0)
    assert desk.told() == (1_010.0, 1_010.0, ())


@on_virtual_clock
async def test_a_reload_that_breaks_down_is_told_as_one_that_failed(tmp_path: Path) -> None:
    """Not as the success that was before it; what broke is in the log."""
    desk = Desk(tmp_path)
    desk.failure = RuntimeError("broken")
    desk.now = 1_010.0
    with pytest.raises(RuntimeError):
        await desk.reloading.reload()
    assert desk.told() == (1_010.0, 1_000.0, (UNFINISHED,))
