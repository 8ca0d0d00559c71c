"""`[receiver.tls]`: PEM files into a server's context, every fault named by its key.

TLS 1.2 and 1.3, with forward secrecy and authenticated encryption alone, and neither compression nor
renegotiation (RFC 9325 3.1 to 3.5, 4.2).
"""

import re
import ssl
from pathlib import Path
from typing import NoReturn

from gateway.config.model import TlsConfig
from gateway.config.text_file import read_text
from gateway.config.x509 import not_after
from gateway.errors import ConfigError, ConfigFault

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; all of 1.3 are of that kind."""

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----")
_ENCRYPTED = re.compile(r"-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED", re.MULTILINE)


def server_context(config: TlsConfig) -> ssl.SSLContext | None:
    """A context for new connections, of the files as they are now; None without a certificate.

    Raises ConfigError, which quotes nothing of a file.
    """
    if not config.certificate:
        return None
    certificate, key = _read(config.certificate, "certificate"), _read(config.key, "key")
    _check_certificate(certificate, "certificate")
    _check_key(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(config.certificate, config.key, password=_no_passphrase)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        _blame(error)
    if config.client_ca:
        authority = _read(config.client_ca, "client_ca")
        _check_certificate(authority, "client_ca")
        # Without what stands between the certificates, which may be in any language.
        context.load_verify_locations(cadata="\n".join(_CERTIFICATE.findall(authority)))
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def tls_paths(config: TlsConfig) -> list[Path]:
    """The files that `server_context` reads."""
    return [Path(path) for path in (config.certificate, config.key, config.client_ca) if path]


def certificate_expiry(config: TlsConfig) -> float | None:
    """When the certificate ends, in seconds since the epoch; None without one. Raises ConfigError."""
    if not config.certificate:
        return None
    return _check_certificate(_read(config.certificate, "certificate"), "certificate")


def _read(path: str, key: str) -> str:
    try:
        return read_text(Path(path))
    except ValueError as error:
        _refuse(key, str(error))


def _check_certificate(pem: str, key: str) -> float:
    """The end of the first certificate, which is the file's own; the others only have to be some."""
    ends = []
    for block in _CERTIFICATE.findall(pem):
        try:
            ends.append(not_after(ssl.PEM_cert_to_DER_cert(block)))
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=block)
        except (ValueError, ssl.SSLError):
            _refuse(key, "holds a certificate that cannot be read")
    if not ends:
        _refuse(key, "holds no certificate in PEM")
    return ends[0]


def _check_key(pem: str) -> None:
    if _ENCRYPTED.search(pem):
        _refuse("key", "is encrypted with a passphrase, and nobody is there to type it")
    if not _PRIVATE_KEY.search(pem):
        _refuse("key", "holds no private key in PEM")


def _no_passphrase() -> NoReturn:
    """Whatever the file looks like: nobody is asked on a terminal."""
    raise ValueError


def _blame(error: Exception) -> NoReturn:
    """The certificates can be read by now: what is left is the key, or a certificate that is too weak."""
    reason = getattr(error, "reason", None) or ""
    if reason == "KEY_VALUES_MISMATCH":
        _refuse("key", "does not belong to receiver.tls.certificate")
    if reason.startswith(("EE_", "CA_")):  # openssl/sslerr.h: what its security level refuses
        _refuse("certificate", f"is too weak: {reason.lower()}")
    _refuse("key", "cannot be used as a private key")


def _refuse(key: str, message: str) -> NoReturn:
    raise ConfigError([ConfigFault(f"receiver.tls.{key}", message)]) from None
