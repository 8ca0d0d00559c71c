"""The gateway's two interfaces as one OpenAPI description: what clients are generated from.

What the code knows is taken from the code: statuses, reasons, the bodies and header fields of its answers,
limits, default addresses. The words between them stand here. Knows no running gateway.
"""

import msgspec

from gateway import __version__
from gateway.config import AdminConfig, ReceiverConfig
from gateway.openapi.administration import administration_paths
from gateway.openapi.events import event_schemas
from gateway.openapi.receiver import receiver_paths
from gateway.openapi.schema import Json
from gateway.openapi.shapes import shape_schemas

VERSION = "3.1.1"
"""Of the OpenAPI Specification; its schemas are JSON Schema 2020-12."""

_DESCRIPTION = """\
Takes CloudEvents 1.0 over HTTP on one listener, and forwards them in as few requests as it can to the \
configured cloud event buses. What it does and how it fares is shown on another listener.

A request is accepted whole by every destination it goes to, or refused whole. Delivery is at least once.
"""
_ADMINISTRATION = "Probes, figures and commands, for operators. HEAD is answered like GET, without the body."


def document() -> dict[str, object]:
    """The whole description, of plain values that can be written as JSON; a new one each time."""
    receiver = _server(str(ReceiverConfig().listen[0]), "The receiver: takes events.")
    administration = _server(str(AdminConfig().listen), "The administration: shows and steers.")
    description = {
        "openapi": VERSION,
        "info": {
            "title": "Gateway",
            "version": __version__,
            "summary": "CloudEvents in over HTTP, packed, delivered to a cloud event bus.",
            "description": _DESCRIPTION,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [receiver, administration],
        "tags": [
            {"name": "events", "description": "The receiver: where producers send."},
            {"name": "administration", "description": _ADMINISTRATION},
        ],
        "paths": _merged((receiver, receiver_paths()), (administration, administration_paths())),
        "components": {
            "schemas": {**event_schemas(), **shape_schemas()},
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }
    own: dict[str, object] = msgspec.json.decode(msgspec.json.encode(description))
    return own


_SECURITY_SCHEMES: Json = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "One of the configured `tokens` of that listener (RFC 6750), where there are any.",
    },
    "certificate": {
        "type": "mutualTLS",
        "description": "A client certificate of the configured `client_ca`, where there is one.",
    },
}


def _server(address: str, description: str) -> Json:
    return {
        "url": "http://{address}",
        "description": description,
        "variables": {"address": {"default": address, "description": "Where it listens, as configured."}},
    }


def _merged(*interfaces: tuple[Json, dict[str, Json]]) -> dict[str, Json]:
    """The paths of all with the server of each; of a path that two have, the second's operations name it."""
    paths: dict[str, Json] = {}
    for server, interface in interfaces:
        for path, operations in interface.items():
            if path not in paths:
                paths[path] = {"servers": [server], **operations}
            else:
                own = {method: {**each, "servers": [server]} for method, each in operations.items()}
                paths[path] |= own
    return paths
