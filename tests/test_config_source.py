"""The configuration's file, read again while the gateway works; and the files of secrets it points to."""

from pathlib import Path

import pytest

from gateway.config import LogLevel
from gateway.config.source import ConfigSource
from gateway.errors import ConfigError
from tests.support.configuration import PLUGINS, BusConfig

DOCUMENT = """
flush.interval = "{interval}"
destinations.orders = {{ type = "bus", region = "eu-west-1", secret_key_file = "{secret}" }}
"""


class Files:
    """A configuration and the secret that it points to."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "gateway.toml"
        self.secret = directory / "secret"
        self.write(interval="1s", secret="old")

    def write(self, *, interval: str | None = None, secret: str | None = None) -> None:
        """Change one, or both."""
        if interval is not None:
            self.path.write_text(DOCUMENT.format(interval=interval, secret=self.secret))
        if secret is not None:
            self.secret.write_text(secret)

    def source(self, log_level: LogLevel | None = None) -> ConfigSource:
        """Where the gateway has its configuration from."""
        return ConfigSource(self.path, environment={}, plugins=PLUGINS, log_level=log_level)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Both, and both good."""
    return Files(tmp_path)


def test_a_refresh_reads_the_secrets_again_and_not_the_file(files: Files) -> None:
    """Who is in the middle of editing it is not surprised by a certificate that is renewed."""
    source = files.source()
    source.load()
    source.keep()
    files.write(interval="2s", secret="new")
    refreshed = source.refresh().destinations["orders"]
    assert refreshed.flush.interval == 1.0
    assert isinstance(refreshed.sender, BusConfig)
    assert refreshed.sender.secret_key.reveal() == "new"
    assert source.load().destinations["orders"].flush.interval == 2.0


def test_a_bad_file_is_refused_and_the_last_good_one_remembered(files: Files) -> None:
    """Every fault is named; a refresh goes on from what was good."""
    source = files.source()
    source.load()
    source.keep()
    files.write(interval="soon")
    with pytest.raises(ConfigError):
        source.load()
    assert source.refresh().destinations["orders"].flush.interval == 1.0


def test_what_was_loaded_and_then_refused_is_no_ground_for_a_refresh(files: Files) -> None:
    """Nor are the files that it points to watched instead of those in use."""
    source = files.source()
    source.load()
    source.keep()
    files.write(interval="2s")
    files.path.write_text(files.path.read_text().replace(str(files.secret), str(files.path)))
    source.load()
    assert source.refresh().destinations["orders"].flush.interval == 1.0
    files.write(secret="new")
    assert source.has_changed_files()


def test_a_file_that_cannot_be_parsed_takes_no_secret_out_of_sight(files: Files) -> None:
    """One that is rotated after it is still taken up."""
    source = files.source()
    source.load()
    source.keep()
    files.path.write_text(files.path.read_text().replace("secret_key_file", "secret_kye_file"))
    with pytest.raises(ConfigError):
        source.load()
    files.write(secret="new")
    assert source.has_changed_files()


def test_a_secret_s_file_that_changes_is_noticed_once_it_was_read_even_in_vain(files: Files) -> None:
    """A bad secret is complained of once, and not at every look."""
    source = files.source()
    source.load()
    source.keep()
    assert not source.has_changed_files()
    files.write(secret="")
    assert source.has_changed_files()
    with pytest.raises(ConfigError):
        source.refresh()
    assert not source.has_changed_files()
    files.write(secret="newer")
    assert source.has_changed_files()


def test_a_log_level_given_by_hand_stands_above_the_file(files: Files) -> None:
    """At every reading."""
    source = files.source(LogLevel.DEBUG)
    loaded = source.load()
    source.keep()
    assert loaded.log.level is source.refresh().log.level is LogLevel.DEBUG
