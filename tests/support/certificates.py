"""Certificates of an authority of our own, made on the spot."""

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from gateway.config import TlsConfig

LOOPBACK: Sequence[x509.GeneralName] = (
    x509.DNSName("localhost"),
    x509.IPAddress(ip_address("127.0.0.1")),
)
PASSPHRASE = b"correct horse"


class Certificate:
    """A certificate and its private key."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate = certificate
        self.key = key

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        """The certificate as `ssl.SSLObject.getpeercert` tells it in binary."""
        return self.certificate.public_bytes(Encoding.DER)

    def key_pem(self, passphrase: bytes = b"") -> bytes:
        """The key, encrypted if there is a passphrase."""
        how: KeySerializationEncryption = (
            BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        )
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)

    def write(self, directory: Path) -> Self:
        """Put certificate and key down as `server.pem` and `server.key`, one after the other."""
        (directory / "server.pem").write_bytes(self.pem)
        (directory / "server.key").write_bytes(self.key_pem())
        return self


class Authority:
    """A certificate authority with a key of its own."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("An authority")
        self._certificate = self._sign(self._name, self._key, timedelta(days=90), (), is_authority=True)

    @property
    def pem(self) -> bytes:
        """Its own certificate."""
        return self._certificate.public_bytes(Encoding.PEM)

    def issue(
        self,
        common_name: str = "",
        *names: x509.GeneralName,
        lasts: timedelta = timedelta(days=90),
    ) -> Certificate:
        """A certificate that ends so long from now, or ended before it."""
        key = ec.generate_private_key(ec.SECP256R1())
        return Certificate(self._sign(_name(common_name), key, lasts, names, is_authority=False), key)

    def server(self, common_name: str = "", lasts: timedelta = timedelta(days=90)) -> Certificate:
        """A server's on loopback."""
        return self.issue(common_name, *LOOPBACK, lasts=lasts)

    def client(self, directory: Path, certificate: Certificate | None = None) -> ssl.SSLContext:
        """The context of a client that trusts this authority alone, and shows that certificate."""
        context = ssl.create_default_context(cadata=self.pem.decode())
        if certificate is not None:
            shown = directory / "client.pem"
            shown.write_bytes(certificate.pem + certificate.key_pem())
            context.load_cert_chain(shown)
        return context

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        lasts: timedelta,
        names: Sequence[x509.GeneralName],
        *,
        is_authority: bool,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=100))
            .not_valid_after(now + lasts)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def tls_config(directory: Path, client_ca: Authority | None = None, *client_names: str) -> TlsConfig:
    """The section for what `Certificate.write` put down there; the CA is put down beside it."""
    authority = directory / "clients.pem"
    if client_ca is not None:
        authority.write_bytes(client_ca.pem)
    return TlsConfig(
        certificate=str(directory / "server.pem"),
        key=str(directory / "server.key"),
        client_ca=str(authority) if client_ca is not None else "",
        client_names=client_names,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])
