"""`[receiver.tls]`: the files it names, each fault at its own key, and when the certificate ends."""

import ssl
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import TlsConfig
from gateway.config.exposure import warnings
from gateway.config.tls import certificate_expiry, server_context
from gateway.config.x509 import not_after
from gateway.errors import ConfigError
from tests.support.certificates import PASSPHRASE, Authority, Certificate, tls_config
from tests.support.configuration import config, faults

AUTHORITY = Authority()
SERVER = AUTHORITY.server()


def section(directory: Path, **changes: str) -> dict[str, Any]:
    """`[receiver]` with a right pair of files, but for `changes`."""
    SERVER.write(directory)
    tls = tls_config(directory)
    return {"tls": {"certificate": tls.certificate, "key": tls.key, **changes}}


def file_of(directory: Path, content: bytes) -> str:
    path = directory / "changed.pem"
    path.write_bytes(content)
    return str(path)


def test_a_certificate_and_its_key_are_enough(tmp_path: Path) -> None:
    """The files are looked at, so `gateway check` says what a start would."""
    found = config(receiver=section(tmp_path)).receiver.tls
    assert isinstance(server_context(found), ssl.SSLContext)
    assert server_context(TlsConfig()) is None


def test_a_chain_and_a_bundle_of_authorities_are_taken(tmp_path: Path) -> None:
    """With words between the certificates, as tools put them there."""
    chain = file_of(tmp_path, SERVER.pem + b"An authority\n" + AUTHORITY.pem)
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(AUTHORITY.pem + "Noch eine, für Prüfungen\n".encode() + Authority().pem)
    context = server_context(
        config(receiver=section(tmp_path, certificate=chain, client_ca=str(bundle))).receiver.tls
    )
    assert context is not None
    assert (context.verify_mode, len(context.get_ca_certs())) == (ssl.CERT_REQUIRED, 2)


@pytest.mark.parametrize(
    ("key", "content", "message"),
    [
        ("certificate", b"", "holds no certificate in PEM"),
        ("certificate", SERVER.key_pem(), "holds no certificate in PEM"),
        ("certificate", SERVER.der, "cannot be read: not UTF-8"),
        ("certificate", SERVER.pem.replace(b"\nMII", b"\nAAA"), "holds a certificate that cannot be read"),
        ("key", b"", "holds no private key in PEM"),
        ("key", SERVER.pem, "holds no private key in PEM"),
        ("key", SERVER.key_pem(PASSPHRASE), "is encrypted with a passphrase, and nobody is there to type it"),
        ("key", AUTHORITY.server().key_pem(), "does not belong to receiver.tls.certificate"),
        (
            "key",
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "cannot be used as a private key",
        ),
        ("client_ca", b"", "holds no certificate in PEM"),
        ("client_ca", SERVER.key_pem(), "holds no certificate in PEM"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_at_its_key(
    tmp_path: Path, key: str, content: bytes, message: str
) -> None:
    """Nothing of it is repeated; a pair that does not match is blamed on the key."""
    found = faults(receiver=section(tmp_path, **{key: file_of(tmp_path, content)}))
    assert found == {f"receiver.tls.{key}": message}


@pytest.mark.parametrize("key", ["certificate", "key", "client_ca"])
def test_a_file_that_is_not_there_is_refused_at_its_key(tmp_path: Path, key: str) -> None:
    """In the system's words."""
    found = faults(receiver=section(tmp_path, **{key: str(tmp_path / "none")}))
    assert found == {f"receiver.tls.{key}": "cannot be read: No such file or directory"}


@pytest.mark.parametrize(
    ("tls", "fault"),
    [
        ({"key": "a"}, ("receiver.tls.certificate", "is needed with receiver.tls.key")),
        ({"certificate": "a"}, ("receiver.tls.key", "is needed with receiver.tls.certificate")),
        ({"client_ca": "a"}, ("receiver.tls.certificate", "is needed with receiver.tls.client_ca")),
        ({"client_names": ["a"]}, ("receiver.tls.client_ca", "is needed with receiver.tls.client_names")),
    ],
)
def test_half_of_what_tls_needs_is_refused(tls: dict[str, Any], fault: tuple[str, str]) -> None:
    """Nobody shall believe in a certificate that is not asked for."""
    assert faults(receiver={"tls": tls}) == dict([fault])


def test_files_are_not_read_for_keys_that_are_wrong_already() -> None:
    """The first thing to mend is said, and nothing that follows from it."""
    assert list(faults(receiver={"tls": {"certificate": "a", "key": 5}})) == ["receiver.tls.key"]


def test_every_file_of_a_secret_or_of_tls_is_noted_before_it_is_read(tmp_path: Path) -> None:
    """So that whoever watches them misses no change; also the one at which the reading failed."""
    noted: list[Path] = []
    (tmp_path / "tokens").write_text("mF_9.B5f-4.1JqM\n")
    receiver = section(tmp_path, client_ca=str(tmp_path / "none"))
    with pytest.raises(ConfigError):
        config(receiver={**receiver, "tokens_file": str(tmp_path / "tokens")}, note_file=noted.append)
    assert noted == [tmp_path / name for name in ("tokens", "server.pem", "server.key", "none")]


@pytest.mark.parametrize("days", [-1, 1, 90, 20_000])
def test_the_end_of_a_certificate_is_read(days: int) -> None:
    """Of this century or beyond 2049, where X.509 writes years with four digits."""
    issued = AUTHORITY.server(lasts=timedelta(days=days))
    assert not_after(issued.der) == issued.certificate.not_valid_after_utc.timestamp()


@given(st.binary(max_size=64) | st.integers(0, len(SERVER.der)).map(lambda size: SERVER.der[:size]))
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    """With one kind of error, whatever it is; the end may be told of one that is cut behind it."""
    with suppress(ValueError):
        assert not_after(data) == not_after(SERVER.der)


def test_of_a_chain_the_first_certificate_counts(tmp_path: Path) -> None:
    """It is the server's own."""
    leaf = AUTHORITY.server(lasts=timedelta(days=1))
    Certificate(leaf.certificate, leaf.key).write(tmp_path)
    (tmp_path / "server.pem").write_bytes(leaf.pem + AUTHORITY.pem)
    expiry = certificate_expiry(tls_config(tmp_path))
    assert expiry == leaf.certificate.not_valid_after_utc.timestamp()
    assert certificate_expiry(TlsConfig()) is None


@pytest.mark.parametrize(("days", "word"), [(-1, "has expired at"), (13, "expires at"), (15, None)])
def test_a_certificate_that_ends_within_two_weeks_is_warned_of(
    tmp_path: Path, days: int, word: str | None
) -> None:
    """Or has ended: producers will refuse it, and the gateway starts all the same."""
    issued = AUTHORITY.server(lasts=timedelta(days=days)).write(tmp_path)
    tls = tls_config(tmp_path)
    found = config(receiver={"tls": {"certificate": tls.certificate, "key": tls.key}})
    moment = issued.certificate.not_valid_after_utc.isoformat()
    expected = [] if word is None else [f"receiver.tls.certificate: {word} {moment}"]
    assert [str(warning) for warning in warnings(found, time.time())] == expected
