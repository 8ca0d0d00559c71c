"""Who may post: what a request shows, and whom a connection's certificate is for. Pure."""

from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct

from gateway.bearer import NO_TOKENS, BearerTokens, Verdict
from gateway.receiver.responses import FORBIDDEN, UNAUTHORIZED, Response

_NAME_KINDS = ("DNS", "URI")


class Access(Struct, frozen=True):
    """What is asked of a producer; by default nothing."""

    tokens: BearerTokens = NO_TOKENS
    """Of every request, on Unix sockets too."""
    asks_certificates: bool = False
    """Of every connection but those to Unix sockets: a handshake fails without one, and no other may post."""
    client_names: Collection[str] = frozenset()
    """Whom a certificate may be for; empty: any that its CA has signed."""

    @property
    def is_open(self) -> bool:
        """Whether anybody may post who can connect."""
        return not self.tokens and not self.asks_certificates

    def refuse_request(self, fields: Mapping[bytes, bytes]) -> Response | None:
        """The answer to a request that shows no right token; None: it may go on."""
        verdict = self.tokens.judge(fields.get(b"authorization"))
        return None if verdict is Verdict.GRANTED else UNAUTHORIZED[verdict]

    def refuse_connection(self, certificate: Mapping[str, Any] | None) -> Response | None:
        """The answer to every request of a connection that shows no certificate for one of us; None: welcome.

        A connection that was made when less was asked for has none, and neither has one in the clear. Not to
        be asked about those to Unix sockets, whose files' modes say who may connect.
        """
        if not (self.asks_certificates or self.client_names):
            return None
        if not certificate:
            return FORBIDDEN
        if self.client_names and names(certificate).isdisjoint(self.client_names):
            return FORBIDDEN
        return None


OPEN = Access()


def names(certificate: Mapping[str, Any]) -> frozenset[str]:
    """The DNS, URI and common names of a certificate, as `ssl.SSLSocket.getpeercert` tells it."""
    alternatives = (name for kind, name in certificate.get("subjectAltName", ()) if kind in _NAME_KINDS)
    common = (
        value
        for attributes in certificate.get("subject", ())
        for kind, value in attributes
        if kind == "commonName"
    )
    return frozenset([*alternatives, *common])
